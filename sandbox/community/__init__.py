"""The generated community: its people and what they write. Deterministic, of any size."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Community:
    """The input from which all services generate their content.

    :param size: number of messages on all mailing lists together; other services scale with it.
    """

    seed: int
    size: int
