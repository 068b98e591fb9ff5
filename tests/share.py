"""How much of what is random or enumerated a run tries: all of it, or for `make test-fast` one case of several."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

Case = TypeVar("Case")
EVERY = int(os.environ.get("TEST_EVERY", "1"))
"""One case of so many is tried."""


def some(cases: Sequence[Case]) -> Sequence[Case]:
    """Return the cases that this run tries."""
    return cases[::EVERY]
