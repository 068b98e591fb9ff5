"""Progress lines in the log: at most one per ten seconds, with rate, requests and time left."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Mapping

import structlog

from core.clock import Clock, SystemClock
from core.database import MergeCounts
from core.errors import Stopped
from core.text import one_line

INTERVAL_SECONDS = 10.0
UNITS_COUNTED = 500
"""Units of a run that has counts of each of them; XCom and `core.run` would grow with every unit."""
PLURAL = re.compile(r"(?<![sui])s\b")
"""The ending of a noun in the plural, in the names of counts."""


def duration(seconds: float) -> str:
    """Write seconds for a reader: `42 s`, `3 min 20 s`, `2 h 5 min`."""
    whole = int(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def counted(number: int, name: str) -> str:
    """Write a count for a reader: `2 pages`, `1 page`, `0 new`, `1 file written`."""
    words = name.replace("_", " ")
    return f"{number:,} {PLURAL.sub('', words) if number == 1 else words}"


class Progress:
    """Counts what a run does and regularly logs a line. Its units count into it, even side by side.

    :param collector: the command, which every failure names.
    :param on_line: called with the counts at every line, so that a running task can be watched elsewhere.
    :param requests: returns how many requests were sent so far.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        collector: str = "",
        on_line: Callable[[Mapping[str, int]], None] = lambda counts: None,
        requests: Callable[[], int] = lambda: 0,
    ) -> None:
        self.clock = clock or SystemClock()
        self.collector, self.on_line, self.requests = collector, on_line, requests
        self.counts: Counter[str] = Counter()
        self.counts_units = True
        """Whether single units are counted, too, as `<unit>/<name>`."""
        self.shown_first: tuple[str, ...] = ()
        """Counts that a summary begins with, even if they are zero."""
        self.log = structlog.get_logger("collector")
        self.lock = threading.RLock()
        self.ended = threading.Event()
        """Set when the run is stopped or has failed; its units then end at their next step."""
        self.started = self._last = self.clock.monotonic()
        self._noun, self._total = "", 0
        self._units: list[UnitProgress] = []

    def expect_units(self, total: int, noun: str) -> None:
        """Set how many units the run has, and what they are called: `lists`, `repositories`."""
        with self.lock:
            self._total, self._noun = total, noun
            self._limit_counts()

    def unit(self, name: str, total: int = 0) -> UnitProgress:
        """Return the progress of a list, channel or repository.

        :param total: how many items it has, if that is known.
        """
        unit = UnitProgress(self, name, total)
        with self.lock:
            self._units.append(unit)
            self._limit_counts()
        return unit

    def count(self, name: str, number: int = 1) -> None:
        """Add to a count of the run."""
        if number:
            with self.lock:
                self.counts[name] += number

    def count_in_unit(self, unit: str, name: str, number: int) -> None:
        """Add to a count of a unit and of the run."""
        with self.lock:
            self.counts[name] += number
            if self.counts_units:
                self.counts[f"{unit}/{name}"] += number

    def _limit_counts(self) -> None:
        """Drop the counts of single units once there are too many."""
        if self.counts_units and max(self._total, len(self._units)) > UNITS_COUNTED:
            self.counts_units = False
            for name in [name for name in self.counts if "/" in name]:
                del self.counts[name]

    def summary(self, counts: Mapping[str, int]) -> str:
        """Return the counts as text, without those of single units."""
        others = sorted(name for name in counts if "/" not in name and name not in self.shown_first)
        return ", ".join(counted(counts.get(name, 0), name) for name in (*self.shown_first, *others))

    def line(self, unit: UnitProgress) -> None:
        """Log how far a unit is, and how far the run, if the last line is old enough."""
        with self.lock:
            now = self.clock.monotonic()
            if now - self._last < INTERVAL_SECONDS:
                return
            self._last = now
            sent = counted(self.requests(), "requests")
            left = _left(unit.seconds_left(now))
            self.log.info(f"{one_line(unit.name)}: {unit.position(now)}, {sent}{left}")
            if self._total > 1:
                self.log.info(self.position(now))
            self.on_line(dict(self.counts))

    def position(self, now: float) -> str:
        """Return how many units are done, the share of requests, and the time left."""
        with self.lock:
            done = sum(unit.done for unit in self._units)
            share = self._share()
        found = f"{done:,} of {self._total:,} {self._noun}"
        if share is None:
            return found
        left = (now - self.started) * (1 - share) / share if 0 < share < 1 else 0
        return f"{found}, {share:.0%} of requests{_left(left)}"

    def _share(self) -> float | None:
        """Return which share of all requests is done, if units know how many they need.

        Those that have not begun are taken to need as many as the others on average.
        """
        known = [unit.requests_expected for unit in self._units if unit.requests_expected]
        if not known:
            return None
        expected = sum(known) / len(known) * max(self._total, len(known))
        return min(1.0, sum(unit.requests_done for unit in self._units) / expected)


class UnitProgress:
    """The progress of one unit. Only the thread that works on the unit uses it."""

    def __init__(self, run: Progress, name: str, total: int) -> None:
        self.run, self.name, self.total = run, name, total
        self.counts: Counter[str] = Counter()
        self.done = False
        self.requests_done = self.requests_expected = 0
        self._requests_left: dict[str, int] = {}
        self._items, self._started = 0, run.clock.monotonic()

    def expect(self, total: int) -> None:
        """Set how many items the unit has, once that is known."""
        self.total = total

    def expect_requests(self, stream: str, left: int) -> None:
        """Note that a stream has taken one more request, and how many more it needs."""
        self._require_running()
        self.requests_done += 1
        self._requests_left[stream] = left
        self.requests_expected = self.requests_done + sum(self._requests_left.values())

    def count(self, name: str, number: int = 1) -> None:
        """Add to a count of the unit and of the run."""
        if number:
            self.counts[name] += number
            self.run.count_in_unit(self.name, name, number)

    def count_merge(self, merged: MergeCounts) -> None:
        """Add the counts of a merge, under the names that all collectors use."""
        self.count("new", merged.inserted)
        self.count("updated", merged.updated)
        self.count("unchanged", merged.unchanged)

    def summary(self) -> str:
        """Return the unit's counts as text."""
        return self.run.summary(self.counts)

    def advance(self, items: int) -> None:
        """Count `items` more items, and log a line if the last one is old enough."""
        self._require_running()
        self._items += items
        self.run.line(self)

    def _require_running(self) -> None:
        """End the thread that works on the unit if the run has ended meanwhile."""
        if self.run.ended.is_set():
            raise Stopped("the run has ended")

    def finish(self) -> None:
        """Note that the unit is done or has failed."""
        self.done = True
        self.requests_expected = self.requests_done

    def position(self, now: float) -> str:
        """Return how many items are done, and how fast."""
        of = f" of {self.total:,}" if self.total else ""
        return f"{self._items:,}{of}, {self._rate(now):,.0f}/s"

    def seconds_left(self, now: float) -> float:
        """Return how long the rest will take; 0 if that is not known."""
        rate = self._rate(now)
        return (self.total - self._items) / rate if self.total > self._items and rate > 0 else 0.0

    def _rate(self, now: float) -> float:
        return self._items / max(now - self._started, 0.001)


def _left(seconds: float) -> str:
    return f", about {duration(seconds)} left" if seconds > 0 else ""
