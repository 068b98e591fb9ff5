"""A budget for sources that name their limits in each answer, as Discord does with its buckets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Condition, Event

import structlog

from core.budget.admission import Admission, Budget
from core.budget.buckets import Buckets, Place
from core.budget.limits import LimitReport
from core.budget.shared import LOOK_AGAIN, PATIENCE
from core.clock import Clock, SystemClock
from core.errors import Closed, RateLimited

log = structlog.get_logger("collector")


class BucketBudget:
    """Holds requests back before their bucket is empty, then asks the budget that all processes share.

    The buckets are those of one identity, and each process learns them by itself. A request names its route
    as the resource, followed by a colon and the id of its channel or server: `messages:1234`.

    :param shared: admits what all processes share, such as the requests per second of a bot.
    :param resource: the only resource of `shared`.
    """

    def __init__(self, shared: Budget, clock: Clock | None = None, resource: str = "core") -> None:
        self._shared, self._resource = shared, resource
        self._clock = clock or SystemClock()
        self._buckets = Buckets()
        self._changed = Condition()
        self._closed = Event()

    @contextmanager
    def admit(self, resource: str, *, cost: int | None = None, identity: str = "") -> Iterator[Admission]:
        """Wait up to `PATIENCE` seconds for the bucket; beyond that, have the task retried later."""
        place = Place.of(resource)
        self._enter(place)
        request = None
        try:
            with self._shared.admit(self._resource, cost=cost, identity=identity) as admission:
                request = _InBucket(self, place, admission)
                yield request
        finally:
            with self._changed:
                if request is None or not request.answered:
                    self._buckets.leave(place, sent=request is not None)
                self._changed.notify_all()

    def exclude(self, identity: str) -> bool:
        """Send no more requests as an identity that the source refuses; False if it is the last one."""
        return self._shared.exclude(identity)

    def close(self) -> None:
        """End those who wait with `Closed`, and close what is shared."""
        with self._changed:
            self._closed.set()
            self._closed = Event()
            self._changed.notify_all()
        self._shared.close()

    def learn(self, place: Place, report: LimitReport) -> None:
        """Note what an answer says about buckets."""
        with self._changed:
            self._buckets.learn(place, report, self._clock.monotonic())
            self._changed.notify_all()
        if report.refused and report.bucket is not None and report.bucket.scope == "address":
            log.error("the source refuses this machine's address, as after too many invalid requests")

    def _enter(self, place: Place) -> None:
        began = self._clock.monotonic()
        closed = self._closed
        while True:
            with self._changed:
                if closed.is_set():
                    raise Closed(f"{place.route}: the budget was closed while a request waited for it")
                now = self._clock.monotonic()
                wait = self._buckets.wait(place, now)
                if wait == 0:
                    self._buckets.enter(place)
                    return
                if wait is None:
                    self._changed.wait(LOOK_AGAIN)
                    continue
            if now - began + wait > PATIENCE:
                raise RateLimited(
                    f"the source's limit for {place.route} is reached", retry_after=wait, waited=True
                )
            self._clock.wait(closed, wait)


@dataclass
class _InBucket:
    """The permission to send one request, in its bucket and in the shared budget."""

    budget: BucketBudget
    place: Place
    admission: Admission
    answered: bool = False

    @property
    def identity(self) -> str:
        """Whom to send the request as."""
        return self.admission.identity

    @property
    def longest(self) -> float:
        """In how many seconds the request has to end."""
        return self.admission.longest

    def learn(self, report: LimitReport) -> float | None:
        """Note what an answer says; the shared budget hears only of refusals that concern every request."""
        if not self.answered:
            self.answered = True
            self.budget.learn(self.place, report)
        if not report.refused:
            return self.admission.learn(report)
        everything = report.bucket is not None and report.bucket.blocks_everything
        self.admission.learn(report if everything else replace(report, refused=False, wait=None))
        return 0.0  # The next admission waits as long as necessary.
