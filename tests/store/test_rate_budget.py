"""The shared budget against a server that counts what it had to refuse. Windows are scaled to a second or so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from core.budget import Lease, Limits, Report, SharedBudget, Told, Wait
from core.clock import Clock, FixedClock
from core.database import Conn
from core.errors import RateLimited, SourceUnavailable
from core.rate_office import RateOffice
from hooks.api import ApiClient
from hooks.quota_headers import RateLimitHeaders
from sandbox.faults import Fault
from sandbox.limiter import Limit
from sandbox.world import World
from tests.conftest import ROOT

IDENTITIES = ("a", "b", "c")
QUICK = Limits(in_flight=6, block=6, slots_each=2, lease=0.4, longest_request=2.0, skew=0.0)
Make = Callable[..., ApiClient]


def opener(url: str) -> Callable[[], Conn]:
    return lambda: psycopg.connect(url, autocommit=True)


@pytest.fixture
def make(database: str, sandbox: str) -> Any:
    clients: list[ApiClient] = []
    offices: list[RateOffice] = []

    def client(
        limits: Limits, identities: tuple[str, ...] = IDENTITIES, clock: Clock | None = None
    ) -> ApiClient:
        office = RateOffice(opener(database), identities, limits)
        offices.append(office)
        clients.append(
            ApiClient(
                f"{sandbox}/hyperkitty/archives",
                clock=clock,
                budget=SharedBudget(office, limits, RateLimitHeaders(), clock),
                auth_of=lambda identity: {"Authorization": f"Bearer token_of_{identity}"},
            )
        )
        return clients[-1]

    yield client
    for each in clients:
        each.close()
    for office in offices:
        office.close()


def until_refused(client: ApiClient, most: int = 10_000) -> int:
    """Ask as long as the budget admits; return how often."""
    for number in range(most):
        try:
            client.get("/api/lists/")
        except RateLimited:
            return number
    return most


def side_by_side(clients: list[ApiClient], most: int = 10_000) -> int:
    counts: list[int] = []
    threads = [threading.Thread(target=lambda c=c: counts.append(until_refused(c, most))) for c in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts)


def test_four_tasks_drain_three_identities_evenly_to_the_reserve(make: Make, world: World) -> None:
    quotas = {"a": 60, "b": 120, "c": 240}
    limit = Limit("/hyperkitty", quotas=quotas, quota=1, window=600.0, in_flight=6)
    world.limits.append(limit)
    limits = Limits(**{**vars(QUICK), "has_quota": True, "reserve": 10})
    clients = [make(limits) for _ in range(4)]
    assert side_by_side(clients, 50) == 200
    left = [limit.remaining(name) / quotas[name] for name in IDENTITIES]
    assert max(left) - min(left) < 0.25
    side_by_side(clients)
    assert {name: limit.remaining(name) for name in IDENTITIES} == dict.fromkeys(IDENTITIES, 10)
    assert limit.violations == {}
    assert limit.most_in_flight <= 6


def test_a_rate_in_any_stretch_of_time_is_kept_by_all_together(make: Make, world: World) -> None:
    limit = Limit("/hyperkitty", per_stretch=30, stretch=1.0)
    world.limits.append(limit)
    limits = Limits(**{**vars(QUICK), "per_window": 30, "window": 1.0, "lease": 0.15, "longest_request": 1.0})
    assert side_by_side([make(limits, ("a",)) for _ in range(4)], 25) == 100
    assert limit.violations == {}


def test_after_the_reset_there_is_a_quota_again(make: Make, world: World) -> None:
    limit = Limit("/hyperkitty", quota=20, window=1.5)
    world.limits.append(limit)
    limits = Limits(**{**vars(QUICK), "has_quota": True, "reserve": 5})
    # Twice what a window has: that none was overdrawn means that the reset was waited for.
    assert side_by_side([make(limits, ("a",)) for _ in range(2)], 20) == 40
    assert limit.violations == {}


def test_what_others_use_of_a_quota_is_noticed(make: Make, world: World) -> None:
    limit = Limit("/hyperkitty", quota=100, window=600.0)
    world.limits.append(limit)
    limits = Limits(**{**vars(QUICK), "has_quota": True, "reserve": 10})
    client = make(limits, ("a",))
    assert until_refused(client, 20) == 20
    limit.used["a"] += 40
    until_refused(client)
    assert 10 - limits.block <= limit.remaining("a") <= 10
    assert limit.violations == {}


def test_a_source_that_asks_to_wait_is_obeyed_by_all(
    conn: Conn, make: Make, world: World, clock: FixedClock
) -> None:
    world.faults.append(Fault(path="lists", status=429, headers={"Retry-After": "3600"}, times=1))
    clients = [make(QUICK, ("a",), clock) for _ in range(2)]
    for client in clients:
        with pytest.raises(RateLimited):
            client.get("/api/lists/")
    assert world.traffic.counts.total() == 1
    conn.execute("UPDATE core.rate_quota SET blocked_until = clock_timestamp()")
    for client in clients:
        client.get("/api/lists/")
    assert world.traffic.counts.total() == 3


def test_what_a_killed_process_held_is_free_again_when_it_expires(database: str, conn: Conn) -> None:
    limits = Limits(in_flight=2, block=6, slots_each=2, lease=1800, longest_request=1800)
    code = (
        "import sys, time, psycopg\n"
        "from core.budget import Limits\nfrom core.rate_office import RateOffice\n"
        f"limits = {limits!r}\n"
        f"office = RateOffice(lambda: psycopg.connect({database!r}, autocommit=True), ['a'], limits)\n"
        "print(office.take('core', 6, None), flush=True)\ntime.sleep(600)\n"
    )
    env = os.environ | {"PYTHONPATH": str(ROOT / "plugins")}
    holder = subprocess.Popen([sys.executable, "-c", code], env=env, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline().startswith("Lease(")
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    office = RateOffice(opener(database), ["a"], limits)
    refused = office.take("core", 6, None)
    assert isinstance(refused, Wait)
    assert 0 < refused.seconds <= 3600
    conn.execute("UPDATE core.rate_lease SET expires_at = clock_timestamp()")
    assert isinstance(office.take("core", 6, None), Lease)
    office.close()


# -- what goes wrong -------------------------------------------------------------------------------------------


def test_a_locked_table_fails_clearly_and_sends_nothing(
    database: str, make: Make, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.rate_office.LOCK_PATIENCE_MS", 100)
    client = make(QUICK, ("a",))
    with psycopg.connect(database) as other:
        other.execute("LOCK TABLE core.rate_quota, core.rate_lease IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(SourceUnavailable, match="the rate budget is locked; nothing is sent"):
            client.get("/api/lists/", tries=1)
        other.rollback()
    assert world.traffic.counts.total() == 0
    client.get("/api/lists/")


def test_a_budget_that_is_gone_fails_clearly_and_sends_nothing(
    make: Make, world: World, sandbox: str
) -> None:
    def gone() -> Conn:
        raise psycopg.OperationalError("no server")

    client = ApiClient(
        f"{sandbox}/hyperkitty/archives",
        clock=FixedClock(),
        budget=SharedBudget(RateOffice(gone, ["a"], QUICK), QUICK, RateLimitHeaders()),
    )
    with pytest.raises(SourceUnavailable, match="the rate budget cannot be reached"):
        client.get("/api/lists/", tries=1)
    assert world.traffic.counts.total() == 0


def test_a_budget_that_was_emptied_begins_anew(database: str, make: Make, world: World) -> None:
    client = make(QUICK, ("a",))
    client.get("/api/lists/")
    with psycopg.connect(database) as other:
        other.execute("TRUNCATE core.rate_quota, core.rate_lease CASCADE")
    for _ in range(2 * QUICK.block):
        client.get("/api/lists/")
    assert world.traffic.counts.total() == 1 + 2 * QUICK.block


def test_a_connection_that_breaks_is_opened_again(database: str) -> None:
    opened: list[Conn] = []

    def connect() -> Conn:
        opened.append(psycopg.connect(database, autocommit=True))
        return opened[-1]

    office = RateOffice(connect, ["a"], QUICK)
    lease = office.take("core", 6, None)
    assert isinstance(lease, Lease)
    opened[0].close()
    office.give_back("core", Report(lease, 2))
    assert len(opened) == 2
    office.close()


class Desk:
    """An office that gives what a test says."""

    def __init__(self, *answers: Lease | Wait) -> None:
        self.answers = list(answers)
        self.reports: list[Report | None] = []
        self.blocked: list[float] = []

    def take(self, resource: str, wanted: int, report: Report | None) -> Lease | Wait:
        self.reports.append(report)
        return self.answers.pop(0)

    def give_back(self, resource: str, report: Report) -> None:
        self.reports.append(report)

    def block(self, resource: str, identity: str, seconds: float) -> None:
        self.blocked.append(seconds)


def test_a_lease_is_used_up_and_reported(clock: FixedClock) -> None:
    desk = Desk(Lease(1, "a", 2, 2), Lease(2, "b", 5, 2))
    budget = SharedBudget(desk, QUICK, RateLimitHeaders(), clock)
    names = []
    for _ in range(3):
        with budget.admit("core") as name:
            names.append(name)
    assert names == ["a", "a", "b"]
    reset = datetime(2030, 1, 1, tzinfo=UTC)
    for remaining in ("7", "5", "6"):
        headers = {
            "X-RateLimit-Limit": "10",
            "X-RateLimit-Remaining": remaining,
            "X-RateLimit-Reset": str(reset.timestamp()),
        }
        budget.learn("core", "b", 200, headers)
    budget.close()
    first, second, last = desk.reports
    assert first is None
    assert second is not None
    assert (second.used, second.told) == (2, None)
    assert last is not None
    assert (last.used, last.told) == (1, Told(10, 5, reset))


def test_a_lease_is_not_used_beyond_its_time_however_the_wall_clock_jumps(clock: FixedClock) -> None:
    desk = Desk(Lease(1, "a", 6, 2), Lease(2, "a", 6, 2))
    budget = SharedBudget(desk, QUICK, RateLimitHeaders(), clock)
    with budget.admit("core"):
        pass
    clock.moment -= timedelta(days=400)
    with budget.admit("core"):
        pass
    assert len(desk.reports) == 1
    clock.elapsed += QUICK.lease
    with budget.admit("core"):
        pass
    assert len(desk.reports) == 2


def test_a_short_wait_is_waited_and_a_long_one_is_left_to_the_scheduler(clock: FixedClock) -> None:
    desk = Desk(Wait(5.0, "busy"), Lease(1, "a", 1, 1), Wait(600.0, "drained"))
    budget = SharedBudget(desk, QUICK, RateLimitHeaders(), clock)
    with budget.admit("core"):
        pass
    assert clock.slept == [5.0]
    with pytest.raises(RateLimited, match="drained") as caught, budget.admit("core"):
        pass
    assert caught.value.retry_after == 600.0


def test_the_database_is_asked_once_in_a_block(database: str, conn: Conn, clock: FixedClock) -> None:
    limits = Limits(block=25, slots_each=4)
    office = RateOffice(opener(database), ["a"], limits)
    budget = SharedBudget(office, limits, RateLimitHeaders(), clock)
    for _ in range(500):
        with budget.admit("core"):
            pass
    budget.close()
    office.close()
    assert conn.execute("SELECT count(*), sum(used) FROM core.rate_lease").fetchone() == (20, 500)
