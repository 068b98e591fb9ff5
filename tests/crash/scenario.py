"""What a crash test plays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from core.database import Conn
from sandbox.world import World

Snapshot = dict[str, list[Any]]


@dataclass(frozen=True)
class Scenario:
    """A world, what happens in it between two runs, and the runs.

    :param proof: table that must hold at least so many rows in the end, or nothing was tested.
    :param held: what a service holds in the end, beside the database.
    :param compared: what of the database must be equal, where not everything can be.
    :param stages: which runs are disturbed.
    :param runs_in_ci: whether some crashes of it are tried with every run of the tests, or all with `make prove` only.
    """

    name: str
    make: Callable[[], World]
    change: Callable[[World], None]
    first: Callable[[Conn, str], None]
    second: Callable[[Conn, str], None]
    proof: tuple[str, int] = ("mailing_list.message", 18)
    held: Callable[[World], dict[str, list[Any]]] = lambda world: {}
    compared: Callable[[Snapshot], Snapshot] = lambda found: found
    stages: tuple[str, ...] = ("second",)
    runs_in_ci: bool = True
