"""The community's clock: everything that happens in it, on any platform, happens at a time of this clock.

The pace of the mailing lists is fixed, so an amount of time can also be given as a number of messages.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

START = datetime(2024, 1, 1, tzinfo=UTC)
"""Nothing that services generate happened before."""
PER_MESSAGE = timedelta(minutes=66)
"""How often a message arrives on one of the mailing lists."""


@dataclass
class Clock:
    """The time in a world."""

    now: datetime = START

    def advance(self, *, hours: float = 0, messages: int = 0) -> None:
        """Move the clock by hours, and by the time in which so many messages arrive on all lists together."""
        amount = timedelta(hours=hours) + PER_MESSAGE * messages
        if amount < timedelta():
            raise ValueError("time does not go back")
        self.now += amount


def messages_by(moment: datetime) -> int:
    """Return how many messages have arrived on all mailing lists together."""
    return max(0, (moment - START) // PER_MESSAGE)
