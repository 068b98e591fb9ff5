"""A run may fail at any call: after another run, everything is as if nothing had happened."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest

from core.errors import CollectorBusy, CollectorError
from sandbox.server import serve
from sandbox.world import World
from tests.crash.scenario import Scenario, all_scenarios
from tests.crash.seams import Killed, Proxy, Seam, connect
from tests.crash.snapshot import snapshot
from tests.databases import clean

MODES = ("database before", "database after", "network before", "network after")
SPREAD = int(os.environ.get("CRASH_SPREAD", "9"))
"""The number of calls per run that are made to fail; `make test-fast` uses fewer."""
RERUNS = 2

Run = Callable[[Any, str], None]


@pytest.fixture(autouse=True)
def _leave_no_connection() -> Iterator[None]:
    yield
    for name in [n for n in os.environ if n.startswith("AIRFLOW_CONN_")]:
        del os.environ[name]


class History:
    """Plays a scenario repeatedly, at one address and in one database."""

    def __init__(self, scenario: Scenario, url: str, world: World, proxy: Proxy) -> None:
        self.scenario, self.url, self.world, self.proxy = scenario, url, world, proxy

    def play(self, run: str, mode: str, fail_at: int) -> tuple[dict[str, list[Any]], int]:
        """Return the database after the failed run and its repetitions, and how many calls the failed run made."""
        with psycopg.connect(self.url) as conn:
            clean(conn)
        self.proxy.seam = Seam()
        self.world.take_states(self.scenario.make())
        self.world.faults.clear()
        if run == "second":
            self._run(self.scenario.first)
            self.scenario.change(self.world)
        where, _, when = mode.partition(" ")
        seam = Seam(fail_at, when, lasting=where == "network")
        if where == "network":
            self.proxy.seam = seam
        self._run_and_fail(getattr(self.scenario, run), seam if where == "database" else Seam())
        self.proxy.seam = Seam()
        for _ in range(RERUNS):
            self._run(getattr(self.scenario, run))
        with psycopg.connect(self.url) as conn:
            found = self.scenario.compared(snapshot(conn))
        return found | self.scenario.stored(self.world), seam.calls

    def _run(self, work: Run) -> None:
        with psycopg.connect(self.url, autocommit=True) as conn:
            while True:
                try:
                    return work(conn, self.proxy.address)
                except CollectorBusy:
                    time.sleep(0.01)  # the server has not yet noticed that the killed connection is gone

    def _run_and_fail(self, work: Run, seam: Seam) -> None:
        connection = connect(self.url, seam)
        try:
            work(connection, self.proxy.address)
        except (Killed, CollectorError):
            pass
        finally:
            connection.close()


CASES = [(scenario, stage) for scenario in all_scenarios() for stage in scenario.stages]


def check(url: str, scenario: Scenario, run: str, mode: str, every: bool) -> None:
    world = World()
    with serve(world) as address, closing(Proxy(address)) as proxy:
        history = History(scenario, url, world, proxy)
        expected, calls = history.play(run, mode, 0)
        assert 5 < calls < 200
        table, rows = scenario.proof
        assert len(expected[table]) >= rows
        step = 1 if every else max(1, calls // SPREAD)
        for fail_at in range(1, calls + 1, step):
            found, _ = history.play(run, mode, fail_at)
            for table, rows in expected.items():
                assert found[table] == rows, f"{scenario.name}, {run} run, {mode}, call {fail_at}: {table}"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("scenario", "run"),
    [case for case in CASES if case[0].runs_in_ci],
    ids=lambda value: getattr(value, "name", value),
)
def test_runs_recover_from_some_crashes(migrated: str, scenario: Scenario, run: str, mode: str) -> None:
    check(migrated, scenario, run, mode, every=False)


@pytest.mark.prove
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("scenario", "run"), CASES, ids=lambda value: getattr(value, "name", value))
def test_runs_recover_from_every_crash(migrated: str, scenario: Scenario, run: str, mode: str) -> None:
    check(migrated, scenario, run, mode, every=True)
