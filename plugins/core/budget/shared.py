"""The part of the budget inside a process: uses leases from several threads.

Each request costs a lock and a subtraction; only a new lease costs a query.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Condition, Event

import structlog

from core.budget.admission import Admission
from core.budget.availability import PROBE
from core.budget.leases import Lease, Leases, LeaseUse, Wait
from core.budget.limits import LimitReport, Limits, QuotaReport, limits_of
from core.clock import Clock, SystemClock
from core.errors import Closed, CollectorError, RateLimited

PATIENCE = 30.0
"""Seconds that a request may wait in the process; if it would take longer, the task is retried later."""
LOOK_AGAIN = 0.25
"""Seconds until a waiting thread checks the clock again, since an expired lease notifies nobody."""
SAFE_SHARE = 0.8
"""Share of a lease's lifetime in which it is used; the rest covers the round trip to the database."""
log = structlog.get_logger("collector")


@dataclass(eq=False)
class _Held:
    """A lease in use, or one whose last requests are in flight."""

    lease: Lease
    until: float
    requests: int = 0
    points: int = 0
    in_flight: int = 0
    points_in_flight: int = 0
    accepted: bool = False
    quota: QuotaReport | None = None
    quota_learned: float = 0.0
    most_points: int = 0

    def __post_init__(self) -> None:
        self.most_points = self.lease.points

    def fits(self, cost: int, now: float) -> bool:
        """Return whether a request of this cost may be started."""
        left = self.requests < self.lease.requests and self.points + cost <= self.most_points
        return left and now < self.until

    def use(self, now: float) -> LeaseUse:
        """Return what the database needs to know."""
        age = now - self.quota_learned if self.quota else 0.0
        return LeaseUse(
            self.lease, self.requests, self.points, self.in_flight, self.accepted, self.quota, age
        )


@dataclass
class _Resource:
    """The leases on one resource: those in use, by whose they are, and those that end.

    Requests that prefer nobody use any of them; else a process would wait for slots that it holds itself.
    """

    limits: Limits
    in_use: dict[str, _Held] = field(default_factory=dict)
    ending: list[_Held] = field(default_factory=list)
    renewing: set[str] = field(default_factory=set)

    def in_flight(self, held: _Held) -> int:
        """Return how many requests fill the slots of a lease; it took over those of leases that end."""
        same = (other for other in self.ending if other.lease.identity == held.lease.identity)
        return held.in_flight + sum(other.in_flight for other in same)

    def usable(self, identity: str, cost: int, now: float) -> list[_Held]:
        """Return the leases of an identity under which a request may be started; of all if it is empty."""
        found = [held for name, held in self.in_use.items() if identity in ("", name)]
        return [held for held in found if held.fits(cost, now)]

    def free(self, leases: Iterable[_Held]) -> _Held | None:
        """Return the first of these leases that has a free slot."""
        return next((held for held in leases if self.in_flight(held) < held.lease.slots), None)

    def begin(self, held: _Held, now: float) -> None:
        """Use a new lease instead of an earlier one of the same identity."""
        self.end(now, held.lease.identity)
        self.in_use[held.lease.identity] = held

    def end(self, now: float, *identities: str) -> list[tuple[_Held, LeaseUse]]:
        """Stop using leases; return what the database has to know of all leases that end."""
        self.ending += [self.in_use.pop(identity) for identity in identities if identity in self.in_use]
        return [(held, held.use(now)) for held in self.ending]

    def reported(self, uses: list[tuple[_Held, LeaseUse]]) -> None:
        """Forget leases of which nothing is in flight and everything is reported."""
        done = [held for held, use in uses if not use.in_flight]
        self.ending = [held for held in self.ending if held not in done]


class SharedBudget:
    """The budget of a source whose limits all processes share.

    :param limits: of all resources, or by resource.
    """

    def __init__(
        self, leases: Leases, limits: Limits | Mapping[str, Limits], clock: Clock | None = None
    ) -> None:
        self._leases, self._limits = leases, limits
        self._clock = clock or SystemClock()
        self._resources: dict[str, _Resource] = {}
        self._changed = Condition()
        self._closed = Event()

    @contextmanager
    def admit(self, resource: str, *, cost: int | None = None, identity: str = "") -> Iterator[Admission]:
        """Wait up to `PATIENCE` seconds; if it would take longer, have the task retried later."""
        held, expected = self._next_request(resource, cost, identity)
        try:
            yield _Admitted(self, resource, held, expected)
        finally:
            with self._changed:
                held.in_flight -= 1
                held.points_in_flight -= expected
                self._changed.notify_all()
            if held.lease.requests == PROBE:
                self._give_back(resource)  # The others wait for what it found out.

    def exclude(self, identity: str) -> bool:
        """Stop using an identity at once; False if it is the last one."""
        if not self._leases.exclude(identity):
            return False
        with self._changed:
            for resource in self._resources.values():
                for held in resource.in_use.values():
                    if held.lease.identity == identity:
                        held.until = 0.0
        return True

    def close(self) -> None:
        """Give back the requests that were not used, and end those who wait.

        A lease that cannot be given back expires by itself. Whoever asks afterwards is admitted as before.
        """
        with self._changed:
            self._closed.set()
            self._closed = Event()
            self._changed.notify_all()
        for name in list(self._resources):
            self._give_back(name)
        self._leases.close()

    def _give_back(self, name: str) -> None:
        resource = self._resources[name]
        with self._changed:
            uses = resource.end(self._clock.monotonic(), *resource.in_use)
        try:
            if uses:
                self._leases.give_back(name, [use for _, use in uses])
        except CollectorError as error:
            log.warning(f"requests that were not used could not be given back: {error}")
        else:
            with self._changed:
                resource.reported(uses)

    def learn(self, resource: str, held: _Held, expected: int, report: LimitReport) -> float:
        """Note what an answer says; cut the lease at once if the source has less left than we thought."""
        with self._changed:
            held.points += (expected if report.cost is None else report.cost) - expected
            held.accepted = held.accepted or not report.refused
            quota = report.quota
            if quota and quota.resource in ("", resource) and self._of(resource).limits.has_quota:
                known = held.quota
                newer = known is None or quota.reset_at > known.reset_at
                if newer or (
                    known and quota.reset_at == known.reset_at and quota.remaining < known.remaining
                ):
                    held.quota, held.quota_learned = quota, self._clock.monotonic()
                left = max(0, quota.remaining - self._of(resource).limits.reserve)
                # The source may not have counted the other requests yet that are in flight.
                counted = held.points - (held.points_in_flight - expected)
                held.most_points = min(held.most_points, counted + left)
            if report.refused:
                held.until = 0.0
        if report.refused:
            self._leases.block(resource, held.lease, report)
        return 0.0

    def longest(self, resource: str) -> float:
        """Return after how many seconds no request of a lease may still be in flight."""
        return limits_of(self._limits, resource).longest_request

    def _of(self, resource: str) -> _Resource:
        if resource not in self._resources:
            self._resources[resource] = _Resource(limits_of(self._limits, resource))
        return self._resources[resource]

    def _next_request(self, name: str, cost: int | None, identity: str) -> tuple[_Held, int]:
        began = self._clock.monotonic()
        with self._changed:
            resource, closed = self._of(name), self._closed
        expected = resource.limits.cost if cost is None else cost
        while True:
            with self._changed:
                while True:
                    if closed.is_set():
                        raise Closed(f"{name}: the budget was closed while a request waited for it")
                    usable = resource.usable(identity, expected, self._clock.monotonic())
                    if held := resource.free(usable):
                        held.requests += 1
                        held.points += expected
                        held.in_flight += 1
                        held.points_in_flight += expected
                        return held, expected
                    if not usable and identity not in resource.renewing:
                        resource.renewing.add(identity)
                        break
                    # Until another thread's request ends, or another thread has taken a new lease.
                    self._changed.wait(LOOK_AGAIN)
            wait = self._renew(name, resource, expected, identity)
            if closed.is_set():
                # What was granted meanwhile was not there to be given back.
                self._give_back(name)
                self._leases.close()
                continue
            if wait is None:
                continue
            if identity:
                identity = ""  # It was only preferred.
                continue
            if self._clock.monotonic() - began + wait.seconds > PATIENCE:
                raise RateLimited(
                    f"the rate budget of {name} is used up: {wait.reason}",
                    retry_after=wait.seconds,
                    waited=True,
                )
            self._clock.wait(closed, wait.seconds)

    def _renew(self, name: str, resource: _Resource, cost: int, identity: str) -> Wait | None:
        """Take a new lease; one thread at a time."""
        try:
            with self._changed:
                now = self._clock.monotonic()
                fitting = {held.lease.identity for held in resource.usable("", cost, now)}
                uses = resource.end(now, *(resource.in_use.keys() - fitting))
            requested_at = self._clock.monotonic()
            answer = self._leases.take(name, cost, [use for _, use in uses], identity)
            with self._changed:
                resource.reported(uses)
                if isinstance(answer, Wait):
                    return answer
                until = requested_at + resource.limits.lease * SAFE_SHARE
                resource.begin(_Held(answer, until), requested_at)
                return None
        finally:
            with self._changed:
                resource.renewing.discard(identity)
                self._changed.notify_all()


@dataclass(frozen=True)
class _Admitted:
    """The permission to send one request under a lease."""

    budget: SharedBudget
    resource: str
    held: _Held
    expected: int

    @property
    def identity(self) -> str:
        """Whom to send the request as."""
        return self.held.lease.identity

    @property
    def longest(self) -> float:
        """In how many seconds the request has to end, so that its lease covers it."""
        return self.budget.longest(self.resource)

    def learn(self, report: LimitReport) -> float:
        """Note what the answer says; the next admission waits as long as necessary."""
        return self.budget.learn(self.resource, self.held, self.expected, report)
