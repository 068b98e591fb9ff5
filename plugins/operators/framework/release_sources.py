"""The source of Boost's releases; the tracker of Boost's libraries registers it here."""

from __future__ import annotations

from collections.abc import Callable

from core.releases import ReleaseSource

RELEASE_SOURCES: list[Callable[[], ReleaseSource]] = []
"""At most one factory, which is called inside a task."""
