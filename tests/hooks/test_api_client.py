"""ApiClient over real sockets: what it sends, how often, and how it treats responses."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest
import requests

from core.budget import Admission, LimitReport, NoBudget
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
from hooks.http.limit_headers import RateLimitHeaders
from hooks.http.links import rebuild
from sandbox.faults import Fault
from sandbox.world import World
from tests.mail import BOOST, add_list, entry
from tests.waiting import until

LISTS = "/api/lists/"


@pytest.fixture
def client(sandbox: str, clock: FixedClock) -> Iterator[ApiClient]:
    made = ApiClient(f"{sandbox}/hyperkitty/archives", {"Authorization": "Bearer hush-hush"}, clock)
    yield made
    made.close()


def sent(world: World) -> int:
    return world.traffic.counts["hyperkitty"]


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
    when = (clock.now() + timedelta(seconds=7)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    world.faults.append(Fault(path="lists", status=429, headers={"Retry-After": when}, times=1))
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


def test_passwords_of_a_netrc_file_are_not_sent(
    client: ApiClient, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    client.get(LISTS)
    request = client._session().prepare_request(requests.Request("GET", f"{client.base_url}{LISTS}"))
    assert request.headers["Authorization"] == "Bearer hush-hush"


def test_validators_are_sent(sandbox: str, world: World) -> None:
    class Known:
        def get(self, url: str) -> Validator:
            return Validator(etag='"x"', last_modified="yesterday")

    client = ApiClient(f"{sandbox}/hyperkitty/archives", validators=Known())
    world.faults.append(Fault(path="lists", status=304))
    assert client.get(LISTS).not_modified
    assert Known().get("").headers() == {"If-None-Match": '"x"', "If-Modified-Since": "yesterday"}


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


# -- any request ------------------------------------------------------------------------------------------


class Hostile:
    """A server that answers each connection with the given bytes, pausing after each."""

    def __init__(self, *parts: bytes, pause: float = 0.0) -> None:
        self.parts, self.pause = parts, pause
        self.received: list[bytes] = []

    @contextmanager
    def serve(self) -> Iterator[str]:
        ended = threading.Event()
        with socket.create_server(("127.0.0.1", 0)) as server:

            def answer() -> None:
                while not ended.is_set():
                    try:
                        connection, _ = server.accept()
                    except OSError:
                        return
                    with connection, suppress(OSError):
                        self.received.append(_whole(connection))
                        for part in self.parts:
                            connection.sendall(part)
                            ended.wait(self.pause)

            thread = threading.Thread(target=answer)
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.getsockname()[1]}"
            finally:
                ended.set()
                server.shutdown(socket.SHUT_RDWR)
                thread.join()


def _whole(connection: socket.socket) -> bytes:
    """Read a request with its body."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    length = next((int(x[15:]) for x in head.split(b"\r\n") if x.startswith(b"Content-Length")), 0)
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def answer_of(body: bytes, *headers: str) -> bytes:
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@pytest.mark.parametrize(
    "parts",
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n", *[b"x"] * 10_000),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *[b"1\r\nx\r\n"] * 10_000),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", *[b"x"] * 10_000),
        (b"HTTP/1.1 200 OK\r\n", *[b"X-Filler: x\r\n"] * 10_000),
    ],
    ids=["length", "chunked", "until the end", "headers"],
)
def test_an_answer_that_dribbles_is_ended(parts: tuple[bytes, ...]) -> None:
    """Each byte renews the time-out of the socket, so only a limit for the whole answer helps."""
    hostile = Hostile(*parts, pause=0.05)
    with (
        hostile.serve() as address,
        closing(ApiClient(address, clock=FixedClock())) as client,
        pytest.raises(SourceUnavailable) as caught,
    ):
        client.send(Call("GET", "/x", deadline=0.3), tries=2)
    assert caught.value.timed_out
    assert len(hostile.received) == 2


def test_a_body_is_sent_as_json_with_the_headers_of_the_call() -> None:
    hostile = Hostile(answer_of(b'{"ok": true}'))
    with hostile.serve() as address, closing(ApiClient(address, {"Authorization": "Bearer x"})) as client:
        call = Call("POST", "/graphql", body={"query": "{ viewer }"}, headers={"Accept": "application/x"})
        assert client.send(call).json() == {"ok": True}
    (request,) = hostile.received
    assert request.startswith(b"POST /graphql HTTP/1.1\r\n")
    assert request.endswith(b'{"query": "{ viewer }"}')
    assert b"Accept: application/x\r\n" in request
    assert b"Authorization: Bearer x\r\n" in request


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


def test_errors_with_status_200_are_found() -> None:
    def error_in(response: Response) -> CollectorError | None:
        answer = response.json()
        return None if answer["ok"] else RequestRefused(f"{response.path}: {answer['error']}", status=200)

    hostile = Hostile(answer_of(b'{"ok": false, "error": "no_such_team"}'))
    with (
        hostile.serve() as address,
        closing(ApiClient(address, error_in=error_in)) as client,
        pytest.raises(RequestRefused, match="/team: no_such_team"),
    ):
        client.get("/team")


def test_links_are_read_by_relation() -> None:
    link = 'Link: <https://x.org/a?page=2>; rel="next", <https://x.org/a?page=9>; rel="last search"'
    with Hostile(answer_of(b"[]", link)).serve() as address, closing(ApiClient(address)) as client:
        found = client.get("/a").links
    last = "https://x.org/a?page=9"
    assert found == {"next": "https://x.org/a?page=2", "last": last, "search": last}


def test_a_call_may_accept_less_than_the_client() -> None:
    with (
        Hostile(answer_of(b"x" * 5000)).serve() as address,
        closing(ApiClient(address)) as client,
        pytest.raises(TooLarge, match="larger than 1,000 bytes"),
    ):
        client.send(Call("GET", "/x", max_body_bytes=1000))


@pytest.mark.parametrize(
    ("status", "headers", "body", "refused", "wait"),
    [
        (200, {"X-RateLimit-Remaining": "0"}, b"", False, None),
        (403, {}, b'{"message": "Must have admin rights"}', False, None),
        (403, {}, b'{"message": "You have exceeded a secondary rate limit."}', True, None),
        (403, {}, b'{"message": "You have triggered an abuse detection mechanism."}', True, None),
        (403, {"Retry-After": "7"}, b"", True, 7),
        (429, {}, b"", True, None),
        (429, {"Retry-After": "nonsense"}, b"", True, None),
        (429, {"Retry-After": "inf"}, b"", True, None),
        (429, {"Retry-After": "1e300"}, b"", True, 86_400),
        (429, {"Retry-After": "-5"}, b"", True, 0),
        (429, {"Retry-After": "Thu, 15 Jan 2026 12:01:00 GMT"}, b"", True, 60),
        (429, {}, b'{"retry_after": 0.5}', True, 0.5),
        (429, {}, b"[" * 9_999, True, None),
        (429, {"Retry-After": "Mon, 01 Jan 2020 00:00:00 +99999999999999999999"}, b"", True, None),
    ],
)
def test_what_an_answer_says_about_limits(
    clock: FixedClock, status: int, headers: dict[str, str], body: bytes, refused: bool, wait: float | None
) -> None:
    report = RateLimitHeaders(clock).read(status, headers, body)
    assert (report.refused, report.wait) == (refused, wait)


def test_an_exhausted_quota_is_waited_for_until_its_reset_and_no_longer_than_a_day(clock: FixedClock) -> None:
    def read(reset: float) -> LimitReport:
        at = str(clock.now().timestamp() + reset)
        headers = {"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": at}
        return RateLimitHeaders(clock).read(403, headers, b"")

    assert read(600).wait == pytest.approx(600)
    assert read(-5).wait == 0
    assert read(1e9).wait == 86_400
    assert read(1e15).wait is None


def test_an_unchanged_answer_costs_nothing(clock: FixedClock) -> None:
    assert RateLimitHeaders(clock).read(304, {}, b"").cost == 0
    assert RateLimitHeaders(clock).read(200, {}, b"").cost is None


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_only_what_changes_nothing_follows_a_redirect(world: World, client: ApiClient, status: int) -> None:
    world.faults.append(Fault(path="/moved", status=status, headers={"Location": LISTS}))
    assert client.get("/moved").status == 200
    before = sent(world)
    with pytest.raises(UnexpectedPayload, match="only requests that change nothing"):
        client.send(Call("POST", "/moved", body={"text": "hello"}, repeatable=True))
    assert sent(world) == before + 1


@pytest.mark.parametrize(
    ("quota", "remaining"), [("0", "0"), ("-1", "5"), ("99999999999", "5"), ("60", "-3"), ("x", "1")]
)
def test_impossible_figures_of_a_quota_are_ignored(clock: FixedClock, quota: str, remaining: str) -> None:
    headers = {
        "X-RateLimit-Limit": quota,
        "X-RateLimit-Remaining": remaining,
        "X-RateLimit-Reset": "2000000000",
    }
    assert RateLimitHeaders(clock).read(200, headers, b"").quota is None


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


def test_a_deadline_holds_behind_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    dribble = (b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n", *[b"x"] * 10_000)
    with Hostile(*dribble, pause=0.05).serve() as proxy:
        monkeypatch.setenv("http_proxy", proxy)
        monkeypatch.delenv("no_proxy", raising=False)
        with (
            closing(ApiClient("http://example.invalid", clock=FixedClock())) as client,
            pytest.raises(SourceUnavailable),
        ):
            client.send(Call("GET", "/x", deadline=0.3), tries=1)


def test_closing_ends_requests_under_way() -> None:
    hostile = Hostile(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n", *[b"x"] * 10_000, pause=0.05)
    with hostile.serve() as address:
        client = ApiClient(address, clock=FixedClock())
        outcomes: list[BaseException] = []

        def send() -> None:
            try:
                client.send(Call("GET", "/x"), tries=1)
            except SourceUnavailable as error:
                outcomes.append(error)

        thread = threading.Thread(target=send)
        thread.start()
        until(lambda: hostile.received)
        client.close()
        thread.join()
    assert len(outcomes) == 1
