"""ApiClient over real sockets: what it sends, how often, and how it treats responses."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.budget import Admission, NoBudget
from core.clock import FixedClock
from core.errors import (
    AuthenticationError,
    BrokenOff,
    CollectorError,
    NotFound,
    RateLimited,
    RequestRefused,
    SourceUnavailable,
    TooLarge,
    UnexpectedPayload,
    classify_failure,
)
from core.http_cache import Validator
from hooks.api import ApiClient, Call, Response
from hooks.http.links import rebuild
from sandbox.faults import Fault
from sandbox.limits import Limit
from sandbox.world import World
from tests.hostile import Hostile, answer_of
from tests.mail import BOOST, add_list, entry

LISTS = "/api/lists/"


@pytest.fixture
def client(sandbox: str, clock: FixedClock) -> Iterator[ApiClient]:
    made = ApiClient(f"{sandbox}/hyperkitty/archives", {"Authorization": "Bearer hush-hush"}, clock)
    yield made
    made.close()


def sent(world: World) -> int:
    return world.traffic.counts["hyperkitty"]


def test_units_side_by_side_share_the_threads_of_a_client(
    client: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody would end those of a second pool."""
    made: list[ThreadPoolExecutor] = []

    def slowly(*args: Any, **kwargs: Any) -> ThreadPoolExecutor:
        time.sleep(0.05)
        made.append(ThreadPoolExecutor(*args, **kwargs))
        return made[-1]

    monkeypatch.setattr("hooks.api.ThreadPoolExecutor", slowly)
    units = [threading.Thread(target=lambda: list(client.in_order([Call("GET", LISTS)]))) for _ in range(4)]
    for unit in units:
        unit.start()
    for unit in units:
        unit.join()
    assert len(made) == 1


def test_a_response_is_counted(client: ApiClient, world: World) -> None:
    add_list(world, 1)
    seen: list[tuple[str, int]] = []
    client.on_request = lambda path, status, size, seconds: seen.append((path, status))
    assert client.get_json(LISTS, {"limit": 5, "offset": None})["count"] == 1
    assert seen == [(LISTS, 200)]
    assert client.traffic.requests == sent(world) == 1
    assert client.traffic.received_bytes > 100


@pytest.mark.parametrize(
    ("status", "kind", "category"),
    [
        (400, RequestRefused, "validation"),
        (401, AuthenticationError, "auth"),
        (403, AuthenticationError, "auth"),
        (404, NotFound, "validation"),
        (410, NotFound, "validation"),
    ],
)
def test_a_refused_request_is_not_repeated(
    client: ApiClient, world: World, status: int, kind: type[CollectorError], category: str
) -> None:
    world.faults.append(Fault(path="lists", status=status, body="a secret body"))
    with pytest.raises(kind) as error:
        client.get(LISTS)
    assert sent(world) == 1
    assert classify_failure(error.value) == category
    assert LISTS in str(error.value)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(("status", "category"), [(500, "network"), (503, "network"), (504, "timeout")])
def test_a_failing_source_is_tried_five_times(
    client: ApiClient, clock: FixedClock, world: World, status: int, category: str
) -> None:
    world.faults.append(Fault(path="lists", status=status))
    with pytest.raises(SourceUnavailable) as error:
        client.get(LISTS)
    assert sent(world) == 5
    assert classify_failure(error.value) == category
    assert 0 < sum(clock.slept) <= 30
    assert client.traffic.retries == 4


def test_a_request_succeeds_after_two_failures(client: ApiClient, world: World) -> None:
    world.faults.append(Fault(path="lists", status=503, times=2))
    assert client.get(LISTS).status == 200
    assert sent(world) == 3


def test_retry_after_of_zero_is_obeyed(client: ApiClient, clock: FixedClock, world: World) -> None:
    world.faults.append(Fault(path="lists", status=429, headers={"Retry-After": "0"}, times=1))
    assert client.get(LISTS).status == 200
    assert sent(world) == 2
    assert sum(clock.slept) == 0


def test_retry_after_as_a_date(client: ApiClient, clock: FixedClock, world: World) -> None:
    date, when = (
        (clock.now() + timedelta(days=900, seconds=seconds)).strftime("%a, %d %b %Y %H:%M:%S GMT")
        for seconds in (0, 7)
    )
    headers = {"Date": date, "Retry-After": when}
    world.faults.append(Fault(path="lists", status=429, headers=headers, times=1))
    assert client.get(LISTS).status == 200
    assert clock.slept == [7]


def test_retry_after_in_the_body(client: ApiClient, clock: FixedClock, world: World) -> None:
    world.faults.append(Fault(path="lists", status=429, body='{"retry_after": 3.5}', times=1))
    assert client.get(LISTS).status == 200
    assert clock.slept == [3.5]


def test_the_process_does_not_wait_for_a_long_limit(
    client: ApiClient, clock: FixedClock, world: World
) -> None:
    world.faults.append(Fault(path="lists", status=429, headers={"Retry-After": "900"}))
    with pytest.raises(RateLimited) as error:
        client.get(LISTS)
    assert sent(world) == 1
    assert error.value.retry_after == 900
    assert clock.slept == []


def test_a_limit_that_never_ends_fails_the_request(
    client: ApiClient, clock: FixedClock, world: World
) -> None:
    world.faults.append(Fault(path="lists", status=429, headers={"Retry-After": "0"}))
    with pytest.raises(RateLimited):
        client.get(LISTS)
    assert sum(clock.slept) <= 30
    assert sent(world) < 40


def test_a_403_with_retry_after_is_a_limit(client: ApiClient, world: World) -> None:
    world.faults.append(Fault(path="lists", status=403, headers={"Retry-After": "1"}, times=1))
    assert client.get(LISTS).status == 200
    assert sent(world) == 2


def test_html_instead_of_json_names_the_path(client: ApiClient, world: World) -> None:
    world.faults.append(
        Fault(path="lists", kind="body", body="<html>maintenance</html>", content_type="text/html")
    )
    with pytest.raises(UnexpectedPayload, match=r"/api/lists/: not JSON but text/html, 24 bytes"):
        client.get_json(LISTS)


def test_a_truncated_body_is_requested_again(client: ApiClient, world: World) -> None:
    add_list(world, 1)
    world.faults.append(Fault(path="lists", kind="truncate", times=1))
    assert client.get_json(LISTS)["count"] == 1
    assert sent(world) == 2
    world.faults.append(Fault(path="lists", kind="truncate"))
    with pytest.raises(BrokenOff, match="broke off"):
        client.get(LISTS)


def test_reading_a_huge_body_is_aborted(client: ApiClient, world: World) -> None:
    world.faults.append(Fault(path="lists", kind="body", body="x" * 3_000_000))
    client.max_body_bytes = 1_000_000
    with pytest.raises(TooLarge, match="larger than 1,000,000 bytes"):
        client.get(LISTS)
    assert sent(world) == 1
    assert client.traffic.received_bytes < 1_200_000


def test_a_refused_connection_is_retried() -> None:
    clock = FixedClock()
    with pytest.raises(SourceUnavailable, match="connection failed"):
        ApiClient("http://127.0.0.1:9", clock=clock).get("/x")
    assert len(clock.slept) == 4


class FourAtATime(NoBudget):
    """Hold the first four requests until all four have come, and count how many are in flight."""

    def __init__(self) -> None:
        self.most, self._now, self._number = 0, 0, 0
        self._lock, self._four = threading.Lock(), threading.Barrier(4)

    @contextmanager
    def admit(self, resource: str, *, cost: int | None = None, identity: str = "") -> Iterator[Admission]:
        with self._lock:
            self._number += 1
            self._now += 1
            self.most = max(self.most, self._now)
            first = self._number <= 4
        if first:
            self._four.wait(timeout=60)
        try:
            with super().admit(resource) as admission:
                yield admission
        finally:
            with self._lock:
                self._now -= 1


def test_concurrent_responses_come_in_the_order_of_the_calls(
    sandbox: str, world: World, clock: FixedClock
) -> None:
    found = add_list(world, 12)
    world.faults.append(Fault(path=f"email/{entry(3).message_hash}", status=404))
    together = FourAtATime()
    client = ApiClient(f"{sandbox}/hyperkitty/archives", clock=clock, budget=together, in_flight=4)
    hashes = [e.message_hash for e in found.entries]
    outcomes = list(client.in_order(Call("GET", f"/api/list/{BOOST}/email/{h}/", tag=h) for h in hashes))
    assert together.most == 4
    assert [call.tag for call, _ in outcomes] == hashes
    assert isinstance(outcomes[3][1], NotFound)
    assert sum(isinstance(answer, Response) for _, answer in outcomes) == 11
    client.close()


def test_redirects_to_other_hosts_are_refused(client: ApiClient, world: World, sandbox: str) -> None:
    add_list(world, 1)
    assert client.get("/api/lists").json()["count"] == 1
    assert sent(world) == 2
    world.faults.append(Fault(path="lists", status=302, headers={"Location": "http://evil.example/steal"}))
    with pytest.raises(UnexpectedPayload, match=r"foreign host evil\.example"):
        client.get(LISTS)
    world.faults[0] = Fault(
        path="lists", status=302, headers={"Location": f"{sandbox}/hyperkitty/archives/api/lists/"}
    )
    with pytest.raises(UnexpectedPayload, match="redirected more than 3 times"):
        client.get(LISTS)


def test_passwords_of_a_netrc_file_are_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    hostile = Hostile(answer_of(b"{}"))
    with hostile.serve() as address, closing(ApiClient(address, {"Authorization": "Bearer mine"})) as client:
        client.get("/x")
        client._auth.clear()
        client.get("/x")
    first, second = hostile.received
    assert b"Authorization: Bearer mine\r\n" in first
    assert b"Authorization" not in second


def test_validators_are_sent(sandbox: str, world: World) -> None:
    known = Validator(etag='"x"', last_modified="yesterday")
    client = ApiClient(f"{sandbox}/hyperkitty/archives")
    world.faults.append(Fault(path="lists", status=304))
    assert client.send(Call("GET", LISTS, validators={"": known})).not_modified
    assert known.headers() == {"If-None-Match": '"x"', "If-Modified-Since": "yesterday"}


BASE = "https://lists.example/archives"


@pytest.mark.parametrize(
    ("link", "address"),
    [
        ("/api/x/?a=1", f"{BASE}/api/x/?a=1"),
        ("/archives/api/x/", f"{BASE}/api/x/"),
        ("http://lists.example/archives/api/x/?p=2#frag", f"{BASE}/api/x/?p=2"),
        ("http://lists.example:8000/archives/api/", f"{BASE}/api/"),
    ],
)
def test_links_are_rebuilt_on_the_base(link: str, address: str) -> None:
    assert rebuild(BASE, link) == address


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/archives/",
        "https://lists.example/admin/",
        "javascript:alert(1)",
        "//evil.example/x",
    ],
)
def test_links_to_other_sites_are_refused(link: str) -> None:
    with pytest.raises(UnexpectedPayload):
        rebuild(BASE, link)


@pytest.mark.parametrize(
    ("call", "times"),
    [
        (Call("POST", "/comments", body={}), 1),
        (Call("DELETE", "/comments/1"), 1),
        (Call("POST", "/graphql", body={}, repeatable=True), 5),
        (Call("GET", "/x"), 5),
        (Call("GET", "/x", repeatable=False), 1),
    ],
    ids=str,
)
def test_only_what_changes_nothing_is_repeated(
    world: World, client: ApiClient, call: Call, times: int
) -> None:
    world.faults.append(Fault(path="", status=502))
    with pytest.raises(SourceUnavailable):
        client.send(call)
    assert sent(world) == times


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_only_what_changes_nothing_follows_a_redirect(world: World, client: ApiClient, status: int) -> None:
    world.faults.append(Fault(path="/moved", status=status, headers={"Location": LISTS}))
    assert client.get("/moved").status == 200
    before = sent(world)
    with pytest.raises(UnexpectedPayload, match="only requests that change nothing"):
        client.send(Call("POST", "/moved", body={"text": "hello"}, repeatable=True))
    assert sent(world) == before + 1


@pytest.mark.parametrize(
    "target", ["/archives/../admin", "/archives/%2e%2e/admin", "./x", "http://127.0.0.1/archives/../x"]
)
def test_no_link_leaves_its_path_by_dots(target: str) -> None:
    with pytest.raises(UnexpectedPayload, match="out of its path"):
        rebuild("http://127.0.0.1/archives", target)


def test_a_redirect_leads_somewhere(world: World, client: ApiClient) -> None:
    world.faults.append(Fault(path="/moved", status=302))
    with pytest.raises(UnexpectedPayload, match="redirected to nowhere"):
        client.get("/moved")


def test_a_304_answers_only_a_question(world: World, client: ApiClient) -> None:
    world.faults.append(Fault(path="/notes", status=304))
    with pytest.raises(UnexpectedPayload, match="304 without a validator"):
        client.get("/notes")
    assert client.send(Call("GET", "/notes", headers={"If-None-Match": '"x"'})).not_modified


def test_several_threads_together_have_no_more_in_flight(sandbox: str, world: World) -> None:
    world.limits.append(limit := Limit("/"))
    world.faults.append(Fault(path="lists", kind="delay", seconds=0.02, times=100))
    client = ApiClient(f"{sandbox}/hyperkitty/archives", in_flight=2)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda number: client.get(LISTS).status, range(16)))
    client.close()
    assert found == [200] * 16
    assert limit.most_in_flight == 2
