"""Whatever call a run fails at: run again, and everything is as if nothing had happened."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any

import psycopg
import pytest

from core.errors import CollectorError
from sandbox.server import serve
from sandbox.world import World
from tests.crash.scenarios import SCENARIOS, Scenario
from tests.crash.seams import Killed, Proxy, Seam, connect
from tests.crash.snapshot import snapshot
from tests.databases import clean

MODES = ("database before", "database after", "network before", "network after")
SPREAD = 9
RERUNS = 2

Run = Callable[[Any, str], None]


@pytest.fixture(autouse=True)
def _leave_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_HYPERKITTY_BOOST", "")


class History:
    """Plays a scenario, again and again, behind one address and in one database."""

    def __init__(self, scenario: Scenario, url: str, world: World, proxy: Proxy) -> None:
        self.scenario, self.url, self.world, self.proxy = scenario, url, world, proxy

    def play(self, run: str, mode: str, fail_at: int) -> tuple[dict[str, list[Any]], int]:
        """Return the database after the disturbed run and its repetitions, and how many calls it made."""
        with psycopg.connect(self.url) as conn:
            clean(conn)
        self.proxy.seam = Seam()
        self.world.mail = self.scenario.make().mail
        self.world.faults.clear()
        if run == "second":
            self._go(self.scenario.first)
            self.scenario.change(self.world)
        where, _, when = mode.partition(" ")
        seam = Seam(fail_at, when, lasting=where == "network")
        if where == "network":
            self.proxy.seam = seam
        self._disturbed(getattr(self.scenario, run), seam if where == "database" else Seam())
        self.proxy.seam = Seam()
        for _ in range(RERUNS):
            self._go(getattr(self.scenario, run))
        with psycopg.connect(self.url) as conn:
            return snapshot(conn), seam.calls

    def _go(self, work: Run) -> None:
        with psycopg.connect(self.url, autocommit=True) as conn:
            work(conn, self.proxy.address)

    def _disturbed(self, work: Run, seam: Seam) -> None:
        connection = connect(self.url, seam)
        try:
            work(connection, self.proxy.address)
        except (Killed, CollectorError):
            pass
        finally:
            connection.close()


CASES = [(s, run) for s in SCENARIOS for run in (("first", "second") if s is SCENARIOS[0] else ("second",))]


def check(url: str, scenario: Scenario, run: str, mode: str, every: bool) -> None:
    world = World()
    with serve(world) as address, closing(Proxy(address)) as proxy:
        history = History(scenario, url, world, proxy)
        expected, calls = history.play(run, mode, 0)
        assert 5 < calls < 200
        assert len(expected["mailing_list.message"]) >= 18
        step = 1 if every else max(1, calls // SPREAD)
        for fail_at in range(1, calls + 1, step):
            found, _ = history.play(run, mode, fail_at)
            for table, rows in expected.items():
                assert found[table] == rows, f"{scenario.name}, {run} run, {mode}, call {fail_at}: {table}"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("scenario", "run"), CASES, ids=lambda value: getattr(value, "name", value))
def test_some_crashes(migrated: str, scenario: Scenario, run: str, mode: str) -> None:
    check(migrated, scenario, run, mode, every=False)


@pytest.mark.prove
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("scenario", "run"), CASES, ids=lambda value: getattr(value, "name", value))
def test_every_crash(migrated: str, scenario: Scenario, run: str, mode: str) -> None:
    check(migrated, scenario, run, mode, every=True)
