"""Budget and client against a service that reports its limits in the ways of real services."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from threading import Thread
from zoneinfo import ZoneInfo

import psycopg
import pytest

from core.budget import Limits, RateLeases, SharedBudget
from core.clock import FixedClock
from core.database import Conn
from core.errors import ConfigurationError, RateLimited
from hooks.api import ApiClient, Call
from sandbox.limits import Limit
from sandbox.server import serve
from sandbox.world import World
from tests.forge import FORGE

Make = Callable[..., ApiClient]
QUICK = Limits(block=6, slots_each=2, lease=0.4, longest_request=30.0, skew=0.0)


@pytest.fixture
def forge() -> World:
    return World((FORGE,))


@pytest.fixture
def make(database: str, forge: World) -> Iterator[Make]:
    clients: list[ApiClient] = []

    with serve(forge) as address:

        def client(limits: Limits, *identities: str, clock: FixedClock | None = None) -> ApiClient:
            leases = RateLeases(
                lambda: psycopg.connect(database, autocommit=True), identities or ("ada",), limits
            )
            clients.append(
                ApiClient(
                    f"{address}/forge",
                    clock=clock,
                    budget=SharedBudget(leases, limits, clock),
                    auth_of=lambda identity: {"Authorization": f"Bearer one_of_{identity}"},
                )
            )
            return clients[-1]

        yield client
        for each in clients:
            each.close()


def changed(limits: Limits, **values: object) -> Limits:
    return Limits(**{**vars(limits), **values})


def sent(world: World) -> int:
    return world.traffic.counts.total()


def test_unchanged_answers_cost_no_quota(conn: Conn, forge: World, make: Make) -> None:
    forge.limits.append(limit := Limit("/", quota=20, window=600.0))
    client = make(changed(QUICK, has_quota=True, reserve=2))
    first = client.get("/notes")
    again = Call("GET", "/notes", validators={first.identity: first.validator})
    for _ in range(50):
        assert client.send(again).not_modified
    client.close()
    assert (limit.remaining("ada"), limit.violations) == (19, {})
    assert conn.execute("SELECT remaining FROM core.rate_quota").fetchone() == (19,)


def test_an_empty_quota_is_met_by_one_request(forge: World, make: Make) -> None:
    forge.limits.append(limit := Limit("/", quota=10, window=600.0))
    limit.enter("ada")
    limit.leave("ada")
    limit.used["ada"] = 10
    clients = [make(changed(QUICK, has_quota=True), clock=FixedClock(datetime.now(UTC))) for _ in range(4)]
    for client in clients:
        for _ in range(10):
            with pytest.raises(RateLimited) as caught:
                client.get("/notes")
            assert 500 < (caught.value.retry_after or 0) <= 601
    assert limit.violations == {"quota": 1}


@pytest.mark.parametrize("years", [-3, 3])
def test_a_source_whose_clock_is_years_off_is_waited_for_as_long_as_it_says(
    conn: Conn, forge: World, make: Make, years: int
) -> None:
    forge.seconds_ahead = years * 365 * 86_400.0
    forge.limits.append(
        limit := Limit("/", quota=9, window=36_000.0, now=lambda: time.time() + forge.seconds_ahead)
    )
    resets = set()
    for _ in range(3):
        client = make(changed(QUICK, has_quota=True), clock=FixedClock())
        for _ in range(3):
            client.get("/notes")
        client.close()
        row = conn.execute(
            "SELECT remaining, extract(epoch FROM reset_at - clock_timestamp()), reset_at FROM core.rate_quota"
        ).fetchone()
        assert row is not None
        assert row[0] == limit.remaining("ada")
        assert 30_000 < row[1] <= 36_002
        resets.add(row[2])
    assert len(resets) == 1
    with pytest.raises(RateLimited) as caught:
        make(changed(QUICK, has_quota=True), clock=FixedClock()).get("/notes")
    assert 30_000 < (caught.value.retry_after or 0) <= 36_002
    assert limit.violations == {}


def test_a_refusal_without_a_time_blocks_a_minute_then_two(conn: Conn, forge: World, make: Make) -> None:
    forge.limits.append(Limit("/", per_stretch=1, stretch=3600.0, refusals={"rate": "silent"}))
    clock = FixedClock()
    clients = [make(QUICK, clock=clock) for _ in range(3)]
    clients[0].get("/notes")
    for expected, requests in ((60, 2), (120, 3), (240, 4), (480, 5), (900, 6), (900, 7)):
        for client in clients:
            with pytest.raises(RateLimited) as caught:
                client.get("/notes")
            assert expected - 20 < (caught.value.retry_after or 0) <= expected
        assert sent(forge) == requests
        conn.execute("UPDATE core.rate_quota SET blocked_until = clock_timestamp()")
    forge.limits.clear()
    for client in clients:
        client.get("/notes")
    assert conn.execute("SELECT refusals FROM core.rate_quota").fetchone() == (0,)


@pytest.mark.parametrize(
    ("way", "wait"), [("absurd", 86_400), ("infinite", 60), ("date", 600), ("body", 600)]
)
def test_a_wait_is_as_requested_and_capped(forge: World, make: Make, way: str, wait: float) -> None:
    forge.limits.append(Limit("/", per_stretch=1, stretch=600.0, refusals={"rate": way}))
    client = make(QUICK, clock=FixedClock(datetime.now(UTC)))
    client.get("/notes")
    with pytest.raises(RateLimited) as caught:
        client.get("/notes")
    assert wait - 20 < (caught.value.retry_after or 0) <= wait + 1


def test_another_identity_goes_on_where_one_is_refused(forge: World, make: Make) -> None:
    forge.limits.append(Limit("/", quotas={"ada": 3, "bob": 100}, quota=1, reports=False, window=600.0))
    client = make(QUICK, "ada", "bob", clock=FixedClock())
    found = [client.get("/notes").identity for _ in range(40)]
    assert found.count("ada") == 3
    assert forge.limits[0].violations == {"quota": 1}


def test_no_more_are_in_flight_than_allowed_across_renewals(forge: World, make: Make) -> None:
    forge.limits.append(limit := Limit("/", in_flight=2))
    limits = changed(QUICK, in_flight=2, block=2, lease=30.0, longest_request=30.0)
    clients = [make(limits) for _ in range(2)]

    def work(client: ApiClient) -> None:
        for _, outcome in client.in_order(Call("GET", "/notes") for _ in range(20)):
            assert not isinstance(outcome, Exception)
        client.close()

    threads = [Thread(target=work, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (limit.violations, limit.most_in_flight, sent(forge)) == ({}, 2, 40)


def test_a_daily_quota_is_counted_without_any_header(conn: Conn, forge: World, make: Make) -> None:
    forge.limits.append(limit := Limit("/", quota=12, window=86_400.0, aligned=True, reports=False))
    limits = changed(QUICK, daily_quota=12, reserve=2, time_zone="America/Los_Angeles")
    clients = [make(limits, clock=FixedClock()) for _ in range(2)]
    counts = 0
    with pytest.raises(RateLimited, match="used up except for the reserve") as caught:
        while counts < 100:
            client = clients[counts % 2]
            client.get("/notes")
            client.close()
            counts += 1
    now = datetime.now(ZoneInfo("America/Los_Angeles"))
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    assert abs((caught.value.retry_after or 0) - (midnight - now).total_seconds()) < 3700
    assert (counts, limit.violations) == (10, {})
    conn.execute("UPDATE core.rate_quota SET reset_at = clock_timestamp()")
    clients[0].get("/notes")


def test_a_reserve_as_large_as_the_quota_is_a_mistake(forge: World, make: Make) -> None:
    forge.limits.append(Limit("/", quota=10, window=600.0))
    client = make(changed(QUICK, has_quota=True, reserve=10))
    client.get("/notes")
    client.close()
    with pytest.raises(ConfigurationError, match=r"reserve of 10 is as large as the quota of ada \(10\)"):
        client.get("/notes")


def test_a_request_is_not_sent_again_if_it_may_have_been_executed(forge: World, make: Make) -> None:
    forge.limits.append(Limit("/search", per_stretch=1, stretch=1.0))
    client = make(QUICK)
    for _ in range(2):  # the second one is refused first, and then sent again
        assert client.send(Call("POST", "/search", body={"text": "x"})).json() == {}
    assert sent(forge) == 3
