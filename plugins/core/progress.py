"""Progress lines in the log: at most one per ten seconds, with rate, requests and time left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog

from core.clock import Clock, SystemClock
from core.database import MergeCounts

INTERVAL_SECONDS = 10.0


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
    """Write a count for a reader: `2 pages`, `1 page`, `0 new`, `1 skipped without link`."""
    words = name.replace("_", " ")
    return f"{number:,} {words.removesuffix('s') if number == 1 and ' ' not in words else words}"


@dataclass
class Progress:
    """Counts what a run does and regularly logs a line.

    :param collector: the command, which every failure names.
    :param on_line: called with the counts at every line, so that a running task can be watched elsewhere.
    :param requests: returns how many requests were sent so far.
    :param shown_first: counts that a summary begins with, even if they are zero.
    """

    clock: Clock = field(default_factory=SystemClock)
    collector: str = ""
    on_line: Callable[[Mapping[str, int]], None] = lambda counts: None
    requests: Callable[[], int] = lambda: 0
    counts: Counter[str] = field(default_factory=Counter)
    shown_first: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.log = structlog.get_logger("collector")
        self.started = self._last = self.clock.monotonic()
        self._unit, self._unit_started = "", self.started
        self._done, self._total = 0, 0

    def begin_unit(self, unit: str, total: int = 0, done: int = 0) -> None:
        """Start counting a new list, channel or repository."""
        self._unit, self._unit_started = unit, self.clock.monotonic()
        self._done, self._total = done, total

    def expect(self, total: int) -> None:
        """Set how many items the unit has, once that is known."""
        self._total = total

    def count(self, name: str, number: int = 1) -> None:
        """Add to a count of the run and of the current unit."""
        if number:
            self.counts[name] += number
            if self._unit:
                self.counts[f"{self._unit}/{name}"] += number

    def count_merge(self, merged: MergeCounts) -> None:
        """Add the counts of a merge, under the names that all collectors use."""
        self.count("new", merged.inserted)
        self.count("updated", merged.updated)
        self.count("unchanged", merged.unchanged)

    def unit_counts(self) -> dict[str, int]:
        """Return the counts of the current unit."""
        prefix = f"{self._unit}/"
        return {k.removeprefix(prefix): v for k, v in self.counts.items() if k.startswith(prefix)}

    def summary(self, counts: Mapping[str, int]) -> str:
        """Return the counts as text, without those of single units."""
        others = sorted(name for name in counts if "/" not in name and name not in self.shown_first)
        return ", ".join(counted(counts.get(name, 0), name) for name in (*self.shown_first, *others))

    def advance(self, done: int) -> None:
        """Count `done` more items of the unit, and log a line if the last one is old enough."""
        self._done += done
        now = self.clock.monotonic()
        if now - self._last >= INTERVAL_SECONDS:
            self._last = now
            self._line(now)

    def _line(self, now: float) -> None:
        rate = self._done / max(now - self._unit_started, 0.001)
        of = f" of {self._total:,}" if self._total else ""
        left = ""
        if self._total > self._done and rate > 0:
            left = f", about {duration((self._total - self._done) / rate)} left"
        sent = counted(self.requests(), "requests")
        self.log.info(f"{self._unit}: {self._done:,}{of}, {rate:,.0f}/s, {sent}{left}")
        self.on_line(self.counts)
