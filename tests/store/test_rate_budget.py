"""The shared budget with a server that counts refused requests. Windows are shortened to about a second."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from core.budget import Limits, RateLeases, SharedBudget
from core.budget.leases import Lease, LeaseUse, Wait
from core.clock import Clock, FixedClock
from core.database import Conn
from core.errors import RateLimited, SourceUnavailable
from hooks.api import ApiClient
from sandbox.faults import Fault
from sandbox.limits import Limit
from sandbox.world import World
from tests.conftest import ROOT

IDENTITIES = ("a", "b", "c")
QUICK = Limits(in_flight=6, block=6, slots_each=2, lease=0.4, longest_request=30.0, skew=0.0)
Make = Callable[..., ApiClient]


def opener(url: str) -> Callable[[], Conn]:
    return lambda: psycopg.connect(url, autocommit=True)


@pytest.fixture
def make(database: str, sandbox: str) -> Any:
    clients: list[ApiClient] = []

    def client(
        limits: Limits, identities: tuple[str, ...] = IDENTITIES, clock: Clock | None = None
    ) -> ApiClient:
        leases = RateLeases(opener(database), identities, limits)
        clients.append(
            ApiClient(
                f"{sandbox}/hyperkitty/archives",
                clock=clock,
                budget=SharedBudget(leases, limits, clock),
                auth_of=lambda identity: {"Authorization": f"Bearer token_of_{identity}"},
            )
        )
        return clients[-1]

    yield client
    for each in clients:
        each.close()


def until_refused(client: ApiClient, most: int = 10_000) -> int:
    """Send requests until the budget refuses one, give the lease back, and return how many were sent."""
    try:
        for number in range(most):
            try:
                client.get("/api/lists/")
            except RateLimited:
                return number
        return most
    finally:
        client.close()


def in_parallel(clients: list[ApiClient], most: int = 10_000) -> int:
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
    assert in_parallel(clients, 50) == 200
    left = [limit.remaining(name) / quotas[name] for name in IDENTITIES]
    assert max(left) - min(left) < 0.25
    in_parallel(clients)
    assert {name: limit.remaining(name) for name in IDENTITIES} == dict.fromkeys(IDENTITIES, 10)
    assert limit.violations == {}
    assert limit.most_in_flight <= 6


def test_parallel_tasks_keep_a_common_rate_limit(make: Make, world: World) -> None:
    limit = Limit("/hyperkitty", per_stretch=30, stretch=1.0)
    world.limits.append(limit)
    limits = Limits(**{**vars(QUICK), "per_window": 30, "window": 1.0, "lease": 0.15})
    assert in_parallel([make(limits, ("a",)) for _ in range(4)], 20) == 80
    assert limit.violations == {}


def test_the_quota_is_renewed_after_the_reset(make: Make, world: World) -> None:
    limit = Limit("/hyperkitty", quota=20, window=1.5)
    world.limits.append(limit)
    limits = Limits(**{**vars(QUICK), "has_quota": True, "reserve": 5})
    # Twice the quota of a window: no violation means that the reset was waited for.
    assert in_parallel([make(limits, ("a",)) for _ in range(2)], 20) == 40
    assert limit.violations == {}


def test_a_quota_of_which_nobody_knows_anything_any_more_is_probed(
    conn: Conn, make: Make, world: World
) -> None:
    """Processes that were killed around the reset held so much of the new quota that nobody could ask."""
    world.limits.append(limit := Limit("/hyperkitty", quota=20, window=600.0))
    client = make(Limits(**{**vars(QUICK), "has_quota": True, "reserve": 5}), ("a",))
    client.get("/api/lists/")
    client.close()
    conn.execute("UPDATE core.rate_quota SET remaining = 4, reset_at = NULL")
    assert until_refused(client, 10) == 10
    assert (limit.remaining("a"), limit.violations) == (9, {})


def test_the_use_of_a_quota_by_others_is_noticed(make: Make, world: World) -> None:
    limit = Limit("/hyperkitty", quota=100, window=600.0)
    world.limits.append(limit)
    limits = Limits(**{**vars(QUICK), "has_quota": True, "reserve": 10})
    client = make(limits, ("a",))
    assert until_refused(client, 20) == 20
    limit.used["a"] += 40
    until_refused(client)
    assert 10 - limits.block <= limit.remaining("a") <= 10
    assert limit.violations == {}


def test_all_tasks_obey_a_retry_after(conn: Conn, make: Make, world: World, clock: FixedClock) -> None:
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


def test_the_lease_of_a_killed_process_is_free_again_when_it_expires(database: str, conn: Conn) -> None:
    limits = Limits(in_flight=2, block=6, slots_each=2, lease=1800, longest_request=1800)
    code = (
        "import sys, time, psycopg\n"
        "from core.budget import Limits, RateLeases\n"
        f"limits = {limits!r}\n"
        f"leases = RateLeases(lambda: psycopg.connect({database!r}, autocommit=True), ['a'], limits)\n"
        "print(leases.take('core', 1, []), flush=True)\ntime.sleep(600)\n"
    )
    env = os.environ | {"PYTHONPATH": str(ROOT / "plugins")}
    holder = subprocess.Popen([sys.executable, "-c", code], env=env, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline().startswith("Lease(")
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    leases = RateLeases(opener(database), ["a"], limits)
    refused = leases.take("core", 1, [])
    assert isinstance(refused, Wait)
    assert 0 < refused.seconds <= 3600
    conn.execute("UPDATE core.rate_lease SET expires_at = clock_timestamp()")
    assert isinstance(leases.take("core", 1, []), Lease)
    leases.close()


# -- failures -------------------------------------------------------------------------------------------


def test_a_locked_table_fails_clearly_and_sends_nothing(
    database: str, make: Make, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.budget.leases.LOCK_PATIENCE_MS", 100)
    client = make(QUICK, ("a",))
    with psycopg.connect(database) as other:
        other.execute("LOCK TABLE core.rate_quota, core.rate_lease IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(
            SourceUnavailable, match="the rate budget was locked for too long; no request is sent"
        ):
            client.get("/api/lists/", tries=1)
        other.rollback()
    assert world.traffic.counts.total() == 0
    client.get("/api/lists/")


def test_an_unreachable_budget_fails_clearly_and_sends_nothing(
    make: Make, world: World, sandbox: str
) -> None:
    def gone() -> Conn:
        raise psycopg.OperationalError("no server")

    client = ApiClient(
        f"{sandbox}/hyperkitty/archives",
        clock=FixedClock(),
        budget=SharedBudget(RateLeases(gone, ["a"], QUICK), QUICK),
    )
    with pytest.raises(SourceUnavailable, match="the rate budget cannot be reached"):
        client.get("/api/lists/", tries=1)
    assert world.traffic.counts.total() == 0


def test_an_emptied_budget_starts_over(database: str, make: Make, world: World) -> None:
    client = make(QUICK, ("a",))
    client.get("/api/lists/")
    with psycopg.connect(database) as other:
        other.execute("TRUNCATE core.rate_quota, core.rate_lease CASCADE")
    for _ in range(2 * QUICK.block):
        client.get("/api/lists/")
    assert world.traffic.counts.total() == 1 + 2 * QUICK.block


def test_a_lost_connection_is_opened_again(database: str) -> None:
    opened: list[Conn] = []

    def connect() -> Conn:
        opened.append(psycopg.connect(database, autocommit=True))
        return opened[-1]

    leases = RateLeases(connect, ["a"], QUICK)
    lease = leases.take("core", 1, [])
    assert isinstance(lease, Lease)
    opened[0].close()
    leases.give_back("core", [LeaseUse(lease, 2, 2)])
    assert len(opened) == 2
    leases.close()


def test_a_request_that_waited_is_not_repeated_in_the_process(
    conn: Conn, make: Make, world: World, clock: FixedClock
) -> None:
    client = make(Limits(**{**vars(QUICK), "in_flight": 1}), ("a",), clock)
    client.get("/api/lists/")
    client.close()
    conn.execute(
        "INSERT INTO core.rate_lease (identity, resource, granted, points, slots, granted_at, expires_at)"
        " VALUES ('a', 'core', 1, 1, 1, clock_timestamp(), clock_timestamp() + interval '1 hour')"
    )
    clock.slept.clear()
    with pytest.raises(RateLimited, match="1 requests are in flight"):
        client.get("/api/lists/")
    assert sum(clock.slept) < 31


def test_closing_does_not_hide_an_error(database: str, clock: FixedClock) -> None:
    opened: list[Conn] = []

    def connect() -> Conn:
        if opened:
            raise psycopg.OperationalError("no server")
        opened.append(psycopg.connect(database, autocommit=True))
        return opened[-1]

    budget = SharedBudget(RateLeases(connect, ["a"], QUICK), QUICK, clock)

    def fail() -> None:
        try:
            with budget.admit("core"):
                opened[0].close()
                raise RuntimeError("the reason")
        finally:
            budget.close()

    with pytest.raises(RuntimeError, match="the reason"):
        fail()


def test_the_budget_asks_the_database_once_per_block(database: str, conn: Conn, clock: FixedClock) -> None:
    limits = Limits(block=25, slots_each=4, per_window=10_000)
    leases = RateLeases(opener(database), ["a"], limits)
    budget = SharedBudget(leases, limits, clock)
    for _ in range(500):
        with budget.admit("core"):
            pass
    budget.close()
    leases.close()
    assert conn.execute("SELECT count(*), sum(used) FROM core.rate_lease").fetchone() == (20, 500)
