"""The rate budget: all tasks and workers share it, so that together they stay below a source's limits.

A process takes a lease on a block of requests from PostgreSQL, sends them without further queries, and
reports how many it used when it takes the next lease. Leases expire, so a process that dies does not block
others for long. The holder stops using a lease earlier than that, measured by its monotonic clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from threading import Condition
from typing import Protocol

from core.clock import Clock, SystemClock
from core.errors import RateLimited

PATIENCE = 30.0
"""Seconds that a request may wait in the process; if it would take longer, the task is retried later."""
LOOK_AGAIN = 0.25
"""Seconds until a waiting thread checks the clock again, since an expired lease notifies nobody."""
SAFE_SHARE = 0.8
"""Share of a lease's lifetime in which it is used; the rest covers the round trip to the database."""


@dataclass(frozen=True)
class Limits:
    """What a source allows one identity on one resource.

    :param in_flight: concurrent requests of all processes together.
    :param per_window: requests in any `window` seconds; 0 means no limit.
    :param reserve: part of the quota that is left to other users of the identity.
    :param has_quota: whether the source's answers report the remaining quota and its reset time.
    :param block: requests per lease.
    :param slots_each: concurrent requests of one process.
    :param lease: seconds in which the requests of a lease may be started.
    :param longest_request: seconds after which no request of a lease can still be in flight.
    :param skew: seconds by which the source's clock may differ from the database's.
    """

    in_flight: int = 100
    per_window: int = 0
    window: float = 60.0
    reserve: int = 0
    has_quota: bool = False
    block: int = 25
    slots_each: int = 8
    lease: float = 10.0
    longest_request: float = 45.0
    skew: float = 2.0


@dataclass(frozen=True)
class QuotaReport:
    """What an answer reports about the quota of the identity that sent the request."""

    quota: int
    remaining: int
    reset_at: datetime


@dataclass(frozen=True)
class Lease:
    """The permission to send a block of requests as one identity."""

    id: int
    identity: str
    granted: int
    slots: int


@dataclass(frozen=True)
class Wait:
    """No request can be sent now.

    :param seconds: how long to wait before asking for a lease again.
    """

    seconds: float
    reason: str


@dataclass
class LeaseUse:
    """How much of a lease was used, and the quota that was reported meanwhile."""

    lease: Lease
    used: int = 0
    quota: QuotaReport | None = None


class Leases(Protocol):
    """Grants leases: the part of the budget that is in the database."""

    def take(self, resource: str, wanted: int, used: LeaseUse | None) -> Lease | Wait:
        """End the lease that was used, if any, and grant a new one."""

    def give_back(self, resource: str, used: LeaseUse) -> None:
        """End a lease, so that others can have the requests that were not used."""

    def block(self, resource: str, identity: str, seconds: float) -> None:
        """Stop all processes from using an identity for some time, because the source asked for it."""


class Budget(Protocol):
    """Admits requests so that all tasks together stay below a source's limits."""

    def admit(self, resource: str) -> AbstractContextManager[str]:
        """Wait until a request may be sent, and yield the identity to send it as."""

    def learn(self, resource: str, identity: str, status: int, headers: Mapping[str, str]) -> None:
        """Read what an answer reports about the limits."""

    def close(self) -> None:
        """Give back the requests that were not used."""


class NoBudget:
    """The budget of sources that publish no limit."""

    @contextmanager
    def admit(self, resource: str) -> Iterator[str]:
        """Admit every request at once, without an identity."""
        yield ""

    def learn(self, resource: str, identity: str, status: int, headers: Mapping[str, str]) -> None:
        """Ignore the answer."""

    def close(self) -> None:
        """Do nothing: there are no leases to give back."""


class LimitHeaders(Protocol):
    """Reads the headers in which a source reports its limits."""

    def quota(self, headers: Mapping[str, str]) -> QuotaReport | None:
        """Return the remaining quota, if the answer reports it."""

    def pause(self, status: int, headers: Mapping[str, str]) -> float | None:
        """Return for how many seconds the source asks all requests to wait; None if it does not."""


@dataclass
class _LeaseInUse:
    lease: Lease
    until: float
    left: int
    quota: QuotaReport | None = None

    @property
    def used(self) -> int:
        return self.lease.granted - self.left

    def use(self) -> LeaseUse:
        return LeaseUse(self.lease, self.used, self.quota)


class SharedBudget:
    """Uses leases from several threads; each request costs a lock and a subtraction."""

    def __init__(
        self, leases: Leases, limits: Limits, headers: LimitHeaders, clock: Clock | None = None
    ) -> None:
        self._leases, self._limits, self._headers = leases, limits, headers
        self._clock = clock or SystemClock()
        self._in_use: dict[str, _LeaseInUse] = {}
        self._changed = Condition()
        self._renewing: set[str] = set()
        self._in_flight: Counter[str] = Counter()

    @contextmanager
    def admit(self, resource: str) -> Iterator[str]:
        """Wait up to `PATIENCE` seconds; if it would take longer, have the task retried later."""
        current = self._next_request(resource)
        try:
            yield current.lease.identity
        finally:
            with self._changed:
                self._in_flight[resource] -= 1
                self._changed.notify()

    def learn(self, resource: str, identity: str, status: int, headers: Mapping[str, str]) -> None:
        """Keep the lowest remaining quota reported; block the identity if the source asks to wait."""
        reported = self._headers.quota(headers)
        with self._changed:
            current = self._in_use.get(resource)
            if reported and current and current.lease.identity == identity:
                newer = current.quota is None or reported.reset_at > current.quota.reset_at
                if newer or (current.quota and reported.remaining < current.quota.remaining):
                    current.quota = reported
        if (seconds := self._headers.pause(status, headers)) is not None:
            self._leases.block(resource, identity, seconds)
            with self._changed:
                if current := self._in_use.get(resource):
                    current.until = 0.0

    def close(self) -> None:
        """Give back the requests that were not used."""
        with self._changed:
            leases, self._in_use = self._in_use, {}
        for resource, lease in leases.items():
            self._leases.give_back(resource, lease.use())

    def _next_request(self, resource: str) -> _LeaseInUse:
        began = self._clock.monotonic()
        while True:
            with self._changed:
                while True:
                    current = self._in_use.get(resource)
                    usable = (
                        current is not None and current.left > 0 and self._clock.monotonic() < current.until
                    )
                    if current and usable and self._in_flight[resource] < current.lease.slots:
                        current.left -= 1
                        self._in_flight[resource] += 1
                        return current
                    if not usable and resource not in self._renewing:
                        self._renewing.add(resource)
                        break
                    # Until another thread's request ends, or another thread has taken a new lease.
                    self._changed.wait(LOOK_AGAIN)
            self._renew(resource, current, began)

    def _renew(self, resource: str, current: _LeaseInUse | None, began: float) -> None:
        """Take a new lease; one thread at a time."""
        wait: Wait | None = None
        try:
            requested_at = self._clock.monotonic()
            answer = self._leases.take(resource, self._limits.block, current.use() if current else None)
            with self._changed:
                self._in_use.pop(resource, None)
                if isinstance(answer, Lease):
                    until = requested_at + self._limits.lease * SAFE_SHARE
                    self._in_use[resource] = _LeaseInUse(answer, until, answer.granted)
                else:
                    wait = answer
        finally:
            with self._changed:
                self._renewing.discard(resource)
                self._changed.notify_all()
        if wait is not None:
            if self._clock.monotonic() - began + wait.seconds > PATIENCE:
                raise RateLimited(
                    f"the rate budget of {resource} is used up: {wait.reason}", retry_after=wait.seconds
                )
            self._clock.sleep(max(wait.seconds, 0.01))
