"""The description of one crash test, and where the descriptions are: `SCENARIOS` of each `*_scenario.py`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from threading import Event
from typing import Any

from core.budget import Limits
from core.clock import Clock, SystemClock
from core.database import Conn
from core.session import Session
from sandbox.world import World

Snapshot = dict[str, list[Any]]


@dataclass(frozen=True)
class Environment:
    """What a run works with. Each run gets a new one, which may fail.

    :param conn: the connection that writes.
    :param address: of the sandbox.
    :param folder: for exported files; it stays from run to run.
    :param connect_budget: opens a connection for the rate budget, to be given to the hook's `use`.
    :param connect_unit: opens a connection for a unit that is collected beside others.
    :param side_by_side: how many units are collected at a time.
    :param run_key: what a failed run and those that repeat it share.
    """

    conn: Conn
    address: str
    folder: Path
    connect_budget: Callable[[], Conn]
    connect_unit: Callable[[], Conn]
    side_by_side: int = 1
    run_key: str = ""

    def session(self, clock: Clock) -> Session:
        """Return the session of the run."""
        return Session(
            self.conn,
            clock=clock,
            connect=self.connect_unit,
            side_by_side=self.side_by_side,
            run_key=self.run_key,
        )


Run = Callable[[Environment], None]


@dataclass(frozen=True)
class Scenario:
    """A world, the changes between two runs, and the runs.

    :param proof: a table and the number of rows that it must have in the end; fewer mean that nothing was tested.
    :param stored: returns what a service stores in the end, to be compared as the database is.
    :param compared: reduces the database's rows to those that must be equal.
    :param stages: the runs that are made to fail.
    :param limits: those that the hook declares; without any, no connection of the rate budget can fail.
    :param exports: whether the runs write files.
    :param share_in_ci: of the calls that every run of the tests makes fail; 0 if only `make prove` does.
    """

    name: str
    make: Callable[[], World]
    change: Callable[[World], None]
    first: Run
    second: Run
    proof: tuple[str, int]
    stored: Callable[[World], dict[str, list[Any]]] = lambda world: {}
    compared: Callable[[Snapshot], Snapshot] = lambda found: found
    stages: tuple[str, ...] = ("second",)
    limits: Mapping[str, Limits] = field(default_factory=dict)
    exports: bool = False
    share_in_ci: float = 1.0

    @property
    def seams(self) -> set[str]:
        """What can fail in its runs."""
        return (
            {"database", "network"}
            | ({"budget"} if self.limits else set())
            | ({"files"} if self.exports else set())
        )


class BriefClock(SystemClock):
    """Real time, because leases expire by the database's; waits are short, and what is waited for is tried again."""

    def sleep(self, seconds: float) -> None:
        """Wait for a moment."""
        time.sleep(min(seconds, 0.02))

    def wait(self, event: Event, seconds: float) -> None:
        """Wait for a moment, or until the event."""
        event.wait(min(seconds, 0.02))


def apart_from_requests(found: Snapshot) -> Snapshot:
    """Ignore whose validators are stored, and when names were seen: who sends a request, and when, varies."""
    listings = [(row["scope"], row["stream"], row["page"]) for row in found["core.http_cache"]]
    names = [(row["profile_id"], row["kind"], row["name"]) for row in found["identity.profile_alias"]]
    return found | {"core.http_cache": listings, "identity.profile_alias": sorted(names, key=repr)}


def all_scenarios() -> list[Scenario]:
    """Return the scenarios of every source."""
    return [
        scenario
        for file in sorted(Path(__file__).parent.glob("*_scenario.py"))
        for scenario in import_module(f"tests.crash.{file.stem}").SCENARIOS
    ]
