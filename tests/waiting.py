"""Waits for what another process does. No wait has an end of its own: a loaded machine must not fail a test."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def until(look: Callable[[], Found], pause: float = 0.1) -> Found:
    """Look again until something is found, and return it; pytest's own limit ends a test that hangs."""
    while not (found := look()):
        time.sleep(pause)
    return found
