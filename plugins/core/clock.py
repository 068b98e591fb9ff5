"""Clocks, passed as arguments: nothing else in the project reads the system's time."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Protocol


class Clock(Protocol):
    """Gives the time, measures durations and waits."""

    def now(self) -> datetime:
        """Return the current time, aware and in UTC."""

    def monotonic(self) -> float:
        """Return seconds that never go backwards, for measuring durations."""

    def sleep(self, seconds: float) -> None:
        """Wait for this many seconds."""

    def wait(self, event: Event, seconds: float) -> None:
        """Wait for this many seconds, or until the event is set."""


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        """Return the current time in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return the machine's monotonic time in seconds."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Block the calling thread for this many seconds."""
        time.sleep(seconds)

    def wait(self, event: Event, seconds: float) -> None:
        """Block the calling thread for this many seconds, or until the event is set."""
        event.wait(seconds)


@dataclass
class FixedClock:
    """A clock for tests, which moves only when `sleep` is called."""

    moment: datetime = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
    slept: list[float] = field(default_factory=list)
    elapsed: float = 0.0

    def now(self) -> datetime:
        """Return the time that was set, plus all seconds slept since."""
        return self.moment

    def monotonic(self) -> float:
        """Return the seconds slept so far."""
        return self.elapsed

    def sleep(self, seconds: float) -> None:
        """Move the clock forward without waiting."""
        self.slept.append(seconds)
        self.elapsed += seconds
        self.moment += timedelta(seconds=seconds)

    def wait(self, event: Event, seconds: float) -> None:
        """Move the clock forward without waiting, unless the event is set."""
        if not event.is_set():
            self.sleep(seconds)
