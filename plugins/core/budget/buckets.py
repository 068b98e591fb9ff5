"""What a process knows about limits that answers name, as Discord's buckets. Pure: the caller gives the time.

An answer names the bucket of its route and says how much of it is left. Several routes may share a bucket, a
bucket exists once per channel or server, and a route may get another bucket at any time.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from core.budget.limits import BucketReport, LimitReport

FIRST_PAUSE, LONGEST_PAUSE = 5.0, 300.0
"""Seconds to wait after a refusal that does not say how long; doubles."""
MARGIN = 0.01
"""Seconds by which a reset may be rounded down."""
SAME_WINDOW = 0.1
"""Seconds by which answers may differ about the reset of one window."""
MANY = 1000
"""Buckets to know about, before those that are full again are forgotten."""
Key = tuple[str, str, str]


@dataclass(frozen=True)
class Place:
    """Where a request counts: its route, and the channel or server in its path."""

    route: str
    major: str = ""

    @classmethod
    def of(cls, resource: str) -> Place:
        """Read what a call names as its resource: the route, or route and channel with a colon between."""
        route, _, major = resource.partition(":")
        return cls(route, major)


@dataclass
class _Bucket:
    """A bucket at one channel or server.

    :param left: the fewest requests that an answer of this window left. Whatever was answered is counted in
        it, so as many can be sent as it exceeds the requests in flight.
    :param window: the reset of the last known window, on the source's clock.
    :param ends: the same on ours; None while no answer of the current window has come.
    """

    limit: int = 1
    left: int = 1
    window: float | None = None
    ends: float | None = None
    blocked_until: float = 0.0
    refusals: int = 0

    def learn(self, reported: BucketReport, now: float) -> None:
        """Note what an answer says, unless it belongs to an earlier window."""
        ends = now + reported.reset_after + MARGIN
        window = ends if reported.reset_at is None else reported.reset_at
        self.limit = reported.limit
        if self.window is None or window > self.window + SAME_WINDOW:
            self.window, self.ends, self.left = window, ends, reported.remaining
        elif self.ends is not None and window > self.window - SAME_WINDOW:
            self.left, self.ends = min(self.left, reported.remaining), min(self.ends, ends)

    def renew(self, now: float) -> None:
        """Fill the bucket after its reset."""
        if self.ends is not None and now >= self.ends:
            self.left, self.ends = self.limit, None


class Buckets:
    """Holds requests back before a bucket is empty. Until a route's bucket is known, one request finds out.

    A route whose answers never name a bucket sends one request at a time.
    """

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._sizes: dict[str, int] = {}
        self._known: dict[Key, _Bucket] = {}
        self._in_flight: Counter[Place] = Counter()
        self._all_blocked_until = 0.0

    def wait(self, place: Place, now: float) -> float | None:
        """Return the seconds until a request may be sent; None if the answer to another one will tell."""
        key = self._key(place)
        bucket, in_flight = self._known.get(key), self._in_flight_in(key)
        blocked = max(self._all_blocked_until, bucket.blocked_until if bucket else 0.0)
        if now < blocked:
            return blocked - now
        if bucket is None or place.route not in self._names:
            return 0.0 if in_flight < self._sizes.get(key[0], 1) else None
        bucket.renew(now)
        if bucket.left > in_flight:
            return 0.0
        if bucket.ends is not None:
            return bucket.ends - now
        return None if in_flight else 0.0

    def enter(self, place: Place) -> None:
        """Count a request that is about to be sent."""
        self._in_flight[place] += 1

    def leave(self, place: Place, *, sent: bool) -> None:
        """Note that a request ends without an answer; if it was sent, it may have been counted."""
        self._end(place)
        bucket = self._known.get(self._key(place))
        if bucket is not None and sent:
            bucket.left -= 1

    def learn(self, place: Place, report: LimitReport, now: float) -> None:
        """Note the answer to a request, which ends it."""
        self._end(place)
        reported = report.bucket
        if reported is not None and reported.name:
            self._rename(place, reported.name)
            self._sizes[reported.name] = reported.limit
            self._known.setdefault(self._key(place), _Bucket()).learn(reported, now)
        if report.refused:
            self._block(place, report, now)
        elif (bucket := self._known.get(self._key(place))) is not None:
            bucket.refusals = 0
        if len(self._known) > MANY:
            self._known = {key: known for key, known in self._known.items() if self._matters(key, known, now)}

    def _end(self, place: Place) -> None:
        self._in_flight[place] -= 1
        self._in_flight += Counter()  # Drops those that are zero.

    def _rename(self, place: Place, name: str) -> None:
        """Know the buckets of a route by another name from now on, with what was known of them elsewhere.

        Other routes of the bucket probably have the new name, too; if not, their next answer says so.
        """
        old, self._names[place.route] = self._key(place), name
        if old[0] == name:
            return
        self._names = {route: name if known == old[0] else known for route, known in self._names.items()}
        for key in [key for key in self._known if key[:2] == old[:2] and key != old]:
            self._known.setdefault((name, "", key[2]), replace(self._known[key]))

    def _block(self, place: Place, report: LimitReport, now: float) -> None:
        reported, wait = report.bucket, report.wait
        bucket = self._known.setdefault(self._key(place), _Bucket())
        if wait is None:
            wait = min(FIRST_PAUSE * 2**bucket.refusals, LONGEST_PAUSE)
        bucket.refusals = min(bucket.refusals + 1, 10)
        if reported is not None and reported.blocks_everything:
            self._all_blocked_until = max(self._all_blocked_until, now + wait)
        else:
            bucket.blocked_until = max(bucket.blocked_until, now + wait)

    def _key(self, place: Place) -> Key:
        """Return by what the bucket of a place is known: by its name, or else by its route."""
        name = self._names.get(place.route, "")
        return (name, "" if name else place.route, place.major)

    def _in_flight_in(self, key: Key) -> int:
        """Return how many requests in flight count in a bucket."""
        return sum(number for place, number in self._in_flight.items() if self._key(place) == key)

    def _matters(self, key: Key, bucket: _Bucket, now: float) -> bool:
        """Return whether a bucket may be anything but full."""
        soon = max(bucket.blocked_until, bucket.ends or 0.0)
        return now < soon or self._in_flight_in(key) > 0
