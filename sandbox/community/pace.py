"""Events at irregular intervals. Each is found by its number, without generating those before it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random


@dataclass(frozen=True)
class Pace:
    """When the events of one endless sequence happen: one in each interval of the length `every`.

    :param key: the name of the sequence's random stream; no other sequence has it.
    """

    seed: int
    key: str
    begins: datetime
    every: timedelta

    def at(self, number: int) -> datetime:
        """Return when the event with this number happens; the first has the number 0."""
        # Never at the very beginning of its interval, so nothing has happened when the sequence begins.
        within = 1 - Random(f"{self.seed}/{self.key}/{number}/time").random()
        return self.begins + self.every * number + self.every * within

    def count_by(self, moment: datetime) -> int:
        """Return how many events have happened by then."""
        if moment < self.begins:
            return 0
        complete = (moment - self.begins) // self.every
        return complete + (self.at(complete) <= moment)
