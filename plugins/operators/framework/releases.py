"""Where Boost's releases are known; the tracker of Boost's libraries registers itself here."""

from __future__ import annotations

from collections.abc import Callable

from core.releases import ReleaseSource

RELEASE_SOURCES: list[Callable[[], ReleaseSource]] = []
"""At most one: makes what knows the releases, inside a task."""
