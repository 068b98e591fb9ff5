"""Plays a scenario with a run that fails, repeats the run, and returns what is there in the end."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import psycopg

from core.database import Conn
from core.errors import CollectorBusy, CollectorError, Stopped
from sandbox.server import serve
from sandbox.world import World
from tests.crash.books import books_above_the_source, leases_that_last_too_long, live_leases
from tests.crash.files import contents, faulty_files, folder_ids
from tests.crash.scenario import Environment, Run, Scenario, Snapshot
from tests.crash.seams import Killed, Process, Proxy, Seam
from tests.crash.snapshot import snapshot
from tests.databases import clean
from tests.waiting import until

MODES = {
    "database": ("killed before", "killed after", "lost before"),
    "network": ("down before", "down after"),
    "budget": ("killed before", "killed after", "lost before", "lost after", "down before"),
    "files": ("killed before", "killed after"),
    "units": (
        "killed before",
        "killed after",
        "stopped before",
        "stopped after",
        "lost before",
        "lost after",
    ),
}
"""What can fail, and how: the process is killed or stopped, a connection is lost, or nothing answers any more."""
ERRORS = {
    "killed": Killed,
    "stopped": Stopped,
    "lost": psycopg.OperationalError,
    "down": psycopg.OperationalError,
}
RERUNS = 2


@dataclass(frozen=True)
class Outcome:
    """What is there in the end, and how many calls the run made at each seam that may have failed."""

    found: Snapshot
    calls: dict[str, int]


class History:
    """Plays a scenario repeatedly, at one address, in one database and in one folder.

    :param stage: the run that fails.
    :param side_by_side: how many units are collected at a time.
    """

    def __init__(
        self,
        scenario: Scenario,
        stage: str,
        url: str,
        world: World,
        proxy: Proxy,
        folder: Path,
        side_by_side: int = 1,
    ) -> None:
        self.scenario, self.stage, self.side_by_side = scenario, stage, side_by_side
        self.url, self.world, self.proxy, self.folder = url, world, proxy, folder

    @cached_property
    def undisturbed(self) -> Outcome:
        """What is there if nothing fails."""
        outcome = self.play()
        table, rows = self.scenario.proof
        assert len(outcome.found[table]) >= rows
        return outcome

    def play(self, mode: str = "database killed before", fail_at: int = 0) -> Outcome:
        """Make the run fail at a call, repeat it, and check what must hold of limits."""
        self._begin()
        work: Run = getattr(self.scenario, self.stage)
        if self.stage == "second":
            self._run(self.scenario.first, "first")
            self.scenario.change(self.world)
        seams = {name: Seam() for name in MODES}
        where, how, when = mode.split()
        seams[where] = Seam(fail_at, when, ERRORS[how], lasting=how == "down")
        self._run_and_fail(work, seams)
        with psycopg.connect(self.url, autocommit=True) as conn:
            self._check_limits(conn)
            self._run(work, self.stage)  # at once: a dead process may still hold leases
            until(lambda: not live_leases(conn), pause=0.02)
            for _ in range(1, RERUNS):
                self._run(work, self.stage)
            self._check_limits(conn)
            assert live_leases(conn) == []
            return Outcome(
                self._found(conn), {name: seam.calls for name, seam in seams.items() if seam.calls}
            )

    def _begin(self) -> None:
        """Start anew: empty tables, an empty folder, a source as it was made."""
        with psycopg.connect(self.url) as conn:
            clean(conn)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        made = self.scenario.make()
        self.world.take_states(made)
        self.world.faults.clear()
        self.world.limits[:] = made.limits

    def _run(self, work: Run, run_key: str) -> None:
        def connect() -> Conn:
            return psycopg.connect(self.url, autocommit=True)

        with connect() as conn:
            while True:
                try:
                    return work(self._environment(conn, connect, connect, run_key))
                except CollectorBusy:
                    time.sleep(0.01)  # the server has not yet noticed that the killed connection is gone

    def _run_and_fail(self, work: Run, seams: dict[str, Seam]) -> None:
        self.proxy.seam = seams["network"]
        process = Process()
        try:
            with faulty_files(self.folder, process, seams["files"]):
                budget, unit = (process.opener(self.url, seams[name]) for name in ("budget", "units"))
                conn = process.open(self.url, seams["database"])
                work(self._environment(conn, budget, unit, self.stage))
        except (Killed, Stopped, CollectorError, psycopg.OperationalError):
            pass
        finally:
            process.close()
            self.proxy.seam = Seam()

    def _environment(
        self, conn: Conn, budget: Callable[[], Conn], unit: Callable[[], Conn], run_key: str
    ) -> Environment:
        address, folder = self.proxy.address, self.folder
        return Environment(conn, address, folder, budget, unit, self.side_by_side, run_key)

    def _check_limits(self, conn: Conn) -> None:
        """Check that no lease lasts too long, that we count no more than the source, and that it refused nothing."""
        assert leases_that_last_too_long(conn, self.scenario.limits) == []
        if self.scenario.limits:
            assert books_above_the_source(conn, self.world.limits) == []
        assert [limit.violations for limit in self.world.limits if limit.violations] == []

    def _found(self, conn: Conn) -> Snapshot:
        """Return the tables, the files, and what a service stores; random ids of folders are replaced."""
        ids = folder_ids(self.folder)
        found = self.scenario.compared(snapshot(conn))
        for row in found["core.checkpoint"]:
            row["token"] = ids.get(row["token"], row["token"])
        return found | self.scenario.stored(self.world) | {"files": contents(self.folder, ids)}


@contextmanager
def history(
    scenario: Scenario, stage: str, url: str, folder: Path, side_by_side: int = 1
) -> Iterator[History]:
    """Serve the world of a scenario as long as it is played."""
    world = scenario.make()
    with serve(world) as address, closing(Proxy(address)) as proxy:
        yield History(scenario, stage, url, world, proxy, folder, side_by_side)
