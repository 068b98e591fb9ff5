"""The generated community: people, and what they wrote where. Deterministic, of any size."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Community:
    """What all services are generated from.

    :param size: how much it wrote: the number of messages on all mailing lists together. Other services hold
        what goes with so many.
    """

    seed: int
    size: int
