"""The description of one crash test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from core.database import Conn
from sandbox.world import World

Snapshot = dict[str, list[Any]]


@dataclass(frozen=True)
class Scenario:
    """A world, the changes between two runs, and the runs.

    :param proof: a table and the number of rows that it must have in the end; fewer mean that nothing was tested.
    :param stored: returns what a service stores in the end, to be compared as the database is.
    :param compared: reduces the database's rows to those that must be equal.
    :param stages: the runs that are made to fail.
    :param runs_in_ci: whether every run of the tests tries some crashes; if not, only `make prove` tries them.
    """

    name: str
    make: Callable[[], World]
    change: Callable[[World], None]
    first: Callable[[Conn, str], None]
    second: Callable[[Conn, str], None]
    proof: tuple[str, int] = ("mailing_list.message", 18)
    stored: Callable[[World], dict[str, list[Any]]] = lambda world: {}
    compared: Callable[[Snapshot], Snapshot] = lambda found: found
    stages: tuple[str, ...] = ("second",)
    runs_in_ci: bool = True
