"""Who may send the next request: one budget for all tasks and workers, below all limits together.

A process takes a block of requests (a lease) from PostgreSQL, sends them without asking again, and reports
what it used when it takes the next. A lease expires, so a process that dies holds nothing for long; its
holder stops using it before that, by a clock that nobody can set.
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
"""Seconds that a request may wait for the budget in a process; beyond, the task is run again later."""
LOOK_AGAIN = 0.25
SAFE_SHARE = 0.8
"""Share of a lease's life in which it is used: the rest covers the way to the database and back."""


@dataclass(frozen=True)
class Limits:
    """What a source allows one identity on one resource.

    :param in_flight: requests at a time, of all processes together.
    :param per_window: requests in any stretch of `window` seconds; 0 is without limit.
    :param reserve: what is left of the quota for others.
    :param has_quota: the source's answers say how much is left until when.
    :param block: requests taken at a time.
    :param slots_each: requests at a time of one process.
    :param lease: seconds in which a block is used.
    :param longest_request: seconds after which no request under a lease is in flight any more.
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
    """What an answer says about the quota of whoever asked."""

    quota: int
    remaining: int
    reset_at: datetime


@dataclass(frozen=True)
class Lease:
    """A block of requests in the name of one identity."""

    id: int
    identity: str
    granted: int
    slots: int


@dataclass(frozen=True)
class Wait:
    """Nothing can be sent now.

    :param seconds: until it is worth asking again.
    """

    seconds: float
    reason: str


@dataclass
class LeaseUse:
    """What came of a lease."""

    lease: Lease
    used: int = 0
    quota: QuotaReport | None = None


class Leases(Protocol):
    """Gives out leases: the part of the budget that is in the database."""

    def take(self, resource: str, wanted: int, used: LeaseUse | None) -> Lease | Wait:
        """End the lease that was used, if any, and give a new one."""

    def give_back(self, resource: str, used: LeaseUse) -> None:
        """End a lease; what was not used can be given to others."""

    def block(self, resource: str, identity: str, seconds: float) -> None:
        """Have everybody wait: the source asked for it."""


class Budget(Protocol):
    """Admits requests so that all tasks together stay below a source's limits."""

    def admit(self, resource: str) -> AbstractContextManager[str]:
        """Wait until a request may be sent; give the identity to send it as."""

    def learn(self, resource: str, identity: str, status: int, headers: Mapping[str, str]) -> None:
        """Read what an answer says about the limits."""

    def close(self) -> None:
        """Give back what was taken and not used."""


class NoBudget:
    """For sources that publish no limit."""

    @contextmanager
    def admit(self, resource: str) -> Iterator[str]:
        """Admit at once, in nobody's name."""
        yield ""

    def learn(self, resource: str, identity: str, status: int, headers: Mapping[str, str]) -> None:
        """Learn nothing."""

    def close(self) -> None:
        """Hold nothing."""


class LimitHeaders(Protocol):
    """Reads a source's own headers about its limits."""

    def quota(self, headers: Mapping[str, str]) -> QuotaReport | None:
        """Return what is left, if the answer says so."""

    def pause(self, status: int, headers: Mapping[str, str]) -> float | None:
        """Return for how many seconds everybody is asked to wait, if so."""


@dataclass
class _Held:
    """A lease in use."""

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
    """Uses leases from several threads. Per request it costs a lock and a subtraction."""

    def __init__(
        self, leases: Leases, limits: Limits, headers: LimitHeaders, clock: Clock | None = None
    ) -> None:
        self._leases, self._limits, self._headers = leases, limits, headers
        self._clock = clock or SystemClock()
        self._held: dict[str, _Held] = {}
        self._changed = Condition()
        self._asking: set[str] = set()
        self._in_flight: Counter[str] = Counter()

    @contextmanager
    def admit(self, resource: str) -> Iterator[str]:
        """Wait at most half a minute; beyond that the task had better be run again later."""
        held = self._next_request(resource)
        try:
            yield held.lease.identity
        finally:
            with self._changed:
                self._in_flight[resource] -= 1
                self._changed.notify()

    def learn(self, resource: str, identity: str, status: int, headers: Mapping[str, str]) -> None:
        """Keep the lowest figure that was reported; pass on at once that everybody is to wait."""
        reported = self._headers.quota(headers)
        with self._changed:
            held = self._held.get(resource)
            if reported and held and held.lease.identity == identity:
                newer = held.quota is None or reported.reset_at > held.quota.reset_at
                if newer or (held.quota and reported.remaining < held.quota.remaining):
                    held.quota = reported
        if (seconds := self._headers.pause(status, headers)) is not None:
            self._leases.block(resource, identity, seconds)
            with self._changed:
                if held := self._held.get(resource):
                    held.until = 0.0

    def close(self) -> None:
        """Give back what was not used."""
        with self._changed:
            held, self._held = self._held, {}
        for resource, each in held.items():
            self._leases.give_back(resource, each.use())

    def _next_request(self, resource: str) -> _Held:
        began = self._clock.monotonic()
        while True:
            with self._changed:
                while True:
                    held = self._held.get(resource)
                    fresh = held is not None and held.left > 0 and self._clock.monotonic() < held.until
                    if held and fresh and self._in_flight[resource] < held.lease.slots:
                        held.left -= 1
                        self._in_flight[resource] += 1
                        return held
                    if not fresh and resource not in self._asking:
                        self._asking.add(resource)
                        break
                    # Somebody's request ends, or somebody comes back with a new block.
                    self._changed.wait(LOOK_AGAIN)
            self._renew(resource, held, began)

    def _renew(self, resource: str, held: _Held | None, began: float) -> None:
        """Take a new block; one thread at a time."""
        wait: Wait | None = None
        try:
            asked_at = self._clock.monotonic()
            answer = self._leases.take(resource, self._limits.block, held.use() if held else None)
            with self._changed:
                self._held.pop(resource, None)
                if isinstance(answer, Lease):
                    until = asked_at + self._limits.lease * SAFE_SHARE
                    self._held[resource] = _Held(answer, until, answer.granted)
                else:
                    wait = answer
        finally:
            with self._changed:
                self._asking.discard(resource)
                self._changed.notify_all()
        if wait is not None:
            if self._clock.monotonic() - began + wait.seconds > PATIENCE:
                raise RateLimited(
                    f"the budget of {resource} is used up: {wait.reason}", retry_after=wait.seconds
                )
            self._clock.sleep(max(wait.seconds, 0.01))
