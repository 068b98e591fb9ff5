"""What sends requests sees of a budget: it asks for admission and hands in what the answer says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from math import inf
from typing import Protocol

from core.budget.limits import LimitReport


class Admission(Protocol):
    """The permission to send one request."""

    @property
    def identity(self) -> str:
        """Whom to send the request as; empty if the source has no identities."""

    @property
    def longest(self) -> float:
        """In how many seconds the request has to end; others may have its place afterwards."""

    def learn(self, report: LimitReport) -> float | None:
        """Note what the answer says about the limits; return the seconds to wait before a repetition.

        None means that neither the source nor the budget knows how long.
        """


class Budget(Protocol):
    """Admits requests so that all tasks together stay below a source's limits."""

    def admit(
        self, resource: str, *, cost: int | None = None, identity: str = ""
    ) -> AbstractContextManager[Admission]:
        """Wait until a request may be sent; it counts as in flight until the `with` block ends.

        :param cost: what the request will probably cost of the quota, if that is unusual.
        :param identity: whom to prefer, if that identity can send now.
        """

    def exclude(self, identity: str) -> bool:
        """Send no more requests as an identity that the source refuses; False if it is the last one."""

    def close(self) -> None:
        """Give back the requests that were not used, and end those who wait with `Closed`. Never raises."""


class _Free:
    """The permission of a source without limits."""

    identity = ""
    longest = inf

    def learn(self, report: LimitReport) -> float | None:
        """Return what the source asks for."""
        return report.wait


class NoBudget:
    """The budget of sources that publish no limit."""

    @contextmanager
    def admit(self, resource: str, *, cost: int | None = None, identity: str = "") -> Iterator[Admission]:
        """Admit every request at once, without an identity."""
        yield _Free()

    def exclude(self, identity: str) -> bool:
        """Return that there is no other identity."""
        return False

    def close(self) -> None:
        """Do nothing: there are no leases to give back."""
