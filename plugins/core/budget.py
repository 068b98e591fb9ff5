"""The place of the shared rate budget: who may send the next request, and what was learned from answers."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Budget(Protocol):
    """Admits requests so that all tasks together stay below a source's limits."""

    def admit(self, resource: str) -> AbstractContextManager[None]:
        """Wait until a request may be sent; hold its place while it is in flight."""

    def learn(self, resource: str, status: int, headers: Mapping[str, str]) -> None:
        """Take what an answer says about the limits."""


class NoBudget:
    """For sources that publish no limit."""

    def admit(self, resource: str) -> AbstractContextManager[None]:
        """Admit at once."""
        return nullcontext()

    def learn(self, resource: str, status: int, headers: Mapping[str, str]) -> None:
        """Learn nothing."""
