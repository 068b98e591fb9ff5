"""Time as an argument: nothing else in the project asks the system for it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time, measures and waits."""

    def now(self) -> datetime:
        """Return the moment, aware and in UTC."""

    def monotonic(self) -> float:
        """Return seconds that never go backwards, for measuring."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the current moment in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return the machine's monotonic seconds."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Really wait."""
        time.sleep(seconds)


@dataclass
class FixedClock:
    """A clock that stands still until it is told to move or to sleep."""

    moment: datetime = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
    slept: list[float] = field(default_factory=list)
    elapsed: float = 0.0

    def now(self) -> datetime:
        """Return the moment it was set to, plus what was slept since."""
        return self.moment

    def monotonic(self) -> float:
        """Return the seconds slept so far."""
        return self.elapsed

    def sleep(self, seconds: float) -> None:
        """Move on without waiting."""
        self.slept.append(seconds)
        self.elapsed += seconds
        self.moment += timedelta(seconds=seconds)
