"""A hook that declares limits: whom its tokens belong to, what is shared, what is kept out of logs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from threading import Barrier, Thread
from typing import ClassVar
from urllib.parse import urlsplit

import psycopg
import pytest
from structlog.testing import capture_logs

from core.budget import Limits
from core.clock import FixedClock
from core.database import Conn
from core.errors import AuthenticationError, RateLimited
from hooks.api import ApiClient
from hooks.http.tokens import split_tokens
from hooks.source_hook import SourceHook
from sandbox.limits import Limit
from sandbox.server import serve
from sandbox.world import World
from tests.forge import FORGE
from tests.hostile import Hostile, answer_of

Make = Callable[..., "ForgeHook"]


class ForgeHook(SourceHook):
    """The hook of a made-up service, which tells whom a token belongs to."""

    limits: ClassVar[Mapping[str, Limits]] = {
        "core": Limits(has_quota=True, reserve=2, block=4, slots_each=2)
    }
    conn_name_attr = "forge_conn_id"
    default_conn_name = "forge_api"
    conn_type = "forge"
    hook_name = "Forge"
    example_host = "https://forge.example.org"
    asked: list[str]

    def __init__(self, forge_conn_id: str = default_conn_name, clock: FixedClock | None = None) -> None:
        super().__init__(forge_conn_id, clock=clock)
        self.asked = []

    def owner_of(self, token: str) -> str:
        self.asked.append(token)
        client = ApiClient(self.base_url(), {"Authorization": f"Bearer {token}"}, self._clock)
        try:
            login: str = client.get_json("/me")["login"]
        finally:
            client.close()
        return login


@pytest.fixture
def forge() -> World:
    return World((FORGE,))


@pytest.fixture
def connection(forge: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    with serve(forge) as address:

        def hold(tokens: str) -> None:
            host = f"{address}/forge"
            value = {"conn_type": "forge", "host": host, "password": tokens}
            monkeypatch.setenv("AIRFLOW_CONN_FORGE_API", json.dumps(value))

        yield hold


@pytest.fixture
def make(database: str) -> Iterator[Make]:
    hooks: list[ForgeHook] = []

    def hook(*, shared: bool = True) -> ForgeHook:
        hooks.append(ForgeHook(clock=FixedClock(datetime.now(UTC))))
        if shared:
            hooks[-1].use(lambda: psycopg.connect(database, autocommit=True))
        return hooks[-1]

    yield hook
    for each in hooks:
        each.close()


@pytest.mark.parametrize(
    ("text", "tokens"),
    [(None, []), ("  ", []), ("a", ["a"]), ("a, b;c\n d", ["a", "b", "c", "d"]), ("a,a,b", ["a", "b"])],
)
def test_tokens_are_separated_by_commas_or_white_space(text: str | None, tokens: list[str]) -> None:
    assert split_tokens(text) == tokens


def test_two_tokens_of_one_user_share_a_quota(
    conn: Conn, forge: World, connection: Callable[[str], None], make: Make
) -> None:
    forge.limits.append(limit := Limit("/notes", quota=10, window=600.0))
    connection("one_of_ada, two_of_ada, one_of_bob")
    hook, sent = make(), 0
    with pytest.raises(RateLimited):
        while sent < 100:
            hook.client().get("/notes")
            sent += 1
    assert (sent, dict(limit.served), limit.violations) == (16, {"ada": 8, "bob": 8}, {})
    assert hook.asked == ["one_of_ada", "two_of_ada", "one_of_bob"]
    names = conn.execute("SELECT identity FROM core.rate_quota ORDER BY 1").fetchall()
    assert names == [("forge:ada",), ("forge:bob",)]


def test_a_renewed_token_is_found_after_a_401(
    forge: World, connection: Callable[[str], None], make: Make
) -> None:
    forge.limits.append(Limit("/notes", quota=50, window=600.0))
    connection("old_of_ada, one_of_bob")
    hook = make()
    for _ in range(6):
        hook.client().get("/notes")
    forge.state_of(FORGE).add("old_of_ada")
    connection("new_of_ada, one_of_bob")
    with capture_logs() as logs:
        found = [hook.client().get("/notes").identity for _ in range(12)]
    assert set(found) == {"forge:ada", "forge:bob"}
    assert [entry["event"] for entry in logs] == ["token 1 of 2 is not accepted; renew it in the Connection"]
    assert hook.asked == ["old_of_ada", "one_of_bob", "new_of_ada"]


def test_a_bad_token_is_left_out_and_no_good_one_is_an_error(
    forge: World, connection: Callable[[str], None], make: Make
) -> None:
    forge.state_of(FORGE).update({"bad_of_ada", "bad_of_bob"})
    connection("bad_of_ada one_of_bob")
    assert make().client().get("/notes").identity == "forge:bob"
    connection("bad_of_ada bad_of_bob")
    with pytest.raises(AuthenticationError, match="refused"):
        make().client().get("/notes")


def test_a_401_of_the_only_token_is_an_error_after_one_request(
    forge: World, connection: Callable[[str], None], make: Make
) -> None:
    connection("one_of_ada")
    hook = make()
    hook.client().get("/notes")
    forge.state_of(FORGE).add("one_of_ada")
    before = forge.traffic.counts.total()
    with pytest.raises(AuthenticationError) as caught:
        hook.client().get("/notes")
    assert forge.traffic.counts.total() == before + 1
    assert "one_of_ada" not in str(caught.value)


def test_without_a_database_nothing_is_shared(
    conn: Conn, forge: World, connection: Callable[[str], None], make: Make
) -> None:
    connection("one_of_ada one_of_bob")
    assert make(shared=False).client().get("/notes").status == 200
    assert conn.execute("SELECT count(*) FROM core.rate_quota").fetchone() == (0,)


def test_a_token_that_dies_does_not_stop_the_others(
    forge: World, connection: Callable[[str], None], make: Make
) -> None:
    forge.limits.append(Limit("/notes", quota=50, window=600.0))
    connection("one_of_ada one_of_bob")
    hook = make()
    for _ in range(6):
        hook.client().get("/notes")
    forge.state_of(FORGE).add("one_of_ada")
    before = forge.traffic.counts.total()
    assert {hook.client().get("/notes").identity for _ in range(12)} == {"forge:bob"}
    assert forge.traffic.counts.total() == before + 13


def test_a_hook_declares_other_hosts(
    connection: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    connection("one_of_ada")
    files, private = Hostile(answer_of(b"{}")), Hostile(answer_of(b"{}"))
    with files.serve() as there, private.serve() as vault, closing(ForgeHook()) as hook:
        monkeypatch.setattr(ForgeHook, "foreign_hosts", (urlsplit(there).netloc,))
        monkeypatch.setattr(ForgeHook, "trusted_hosts", (urlsplit(vault).netloc,))
        hook.client().get(f"{there}/x")
        hook.client().get(f"{vault}/x")
    assert b"Authorization" not in files.received[0]
    assert b"Authorization: Bearer one_of_ada\r\n" in private.received[0]


def test_units_that_begin_at_the_same_time_share_a_client(
    forge: World, connection: Callable[[str], None], make: Make
) -> None:
    """Nobody would close a second one, nor give back what its budget holds."""
    connection("one_of_ada")
    hook, begin, clients = make(), Barrier(8), []

    def unit() -> None:
        begin.wait(60)
        clients.append(hook.client())

    threads = [Thread(target=unit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(client) for client in clients}) == 1
