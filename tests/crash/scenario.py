"""The description of one crash test, and where the descriptions are: `SCENARIOS` of each `*_scenario.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
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
    proof: tuple[str, int]
    stored: Callable[[World], dict[str, list[Any]]] = lambda world: {}
    compared: Callable[[Snapshot], Snapshot] = lambda found: found
    stages: tuple[str, ...] = ("second",)
    runs_in_ci: bool = True


def all_scenarios() -> list[Scenario]:
    """Return the scenarios of every source."""
    return [
        scenario
        for file in sorted(Path(__file__).parent.glob("*_scenario.py"))
        for scenario in import_module(f"tests.crash.{file.stem}").SCENARIOS
    ]
