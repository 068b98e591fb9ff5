"""Calls beyond plain GETs, and answers that come slowly, over real sockets."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager

import pytest

from core.budget import Admission, LimitReport, NoBudget
from core.clock import FixedClock, SystemClock
from core.errors import Closed, CollectorError, RequestRefused, SourceUnavailable, TooLarge
from hooks.api import ApiClient, Call, Response
from tests.hostile import Hostile, answer_of
from tests.waiting import until


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
                client.send(Call("GET", "/x"))
            except SourceUnavailable as error:
                outcomes.append(error)

        thread = threading.Thread(target=send)
        thread.start()
        until(lambda: hostile.received)
        client.close()
        thread.join()
    assert [type(error) for error in outcomes] == [Closed]
    assert len(hostile.received) == 1


def test_closing_ends_a_wait_for_the_next_try() -> None:
    class SleeplessClock(SystemClock):
        def sleep(self, seconds: float) -> None:
            raise AssertionError(f"nothing could end this wait of {seconds} s")

    hostile = Hostile(
        b"HTTP/1.1 503 Busy\r\nRetry-After: 25\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
    outcomes: list[BaseException] = []
    with hostile.serve() as address:
        client = ApiClient(address, clock=SleeplessClock())

        def send() -> None:
            try:
                client.get("/x")
            except (SourceUnavailable, AssertionError) as error:
                outcomes.append(error)

        thread = threading.Thread(target=send)
        thread.start()
        until(lambda: client.traffic.retries)
        client.close()
        thread.join()
    assert [type(error) for error in outcomes] == [Closed]
    assert len(hostile.received) == 1


class Brief(NoBudget):
    """A budget that allows for short requests only."""

    @contextmanager
    def admit(self, resource: str, *, cost: int | None = None, identity: str = "") -> Iterator[Admission]:
        class Permission:
            identity, longest = "ada", 0.3

            def learn(self, report: LimitReport) -> float | None:
                return report.wait

        yield Permission()


def test_no_request_outlives_its_place_in_the_budget() -> None:
    hostile = Hostile(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n", *[b"x"] * 10_000, pause=0.05)
    with hostile.serve() as address, closing(ApiClient(address, budget=Brief())) as client:
        with pytest.raises(SourceUnavailable) as caught:
            client.send(Call("GET", "/x"), tries=1)
        assert caught.value.timed_out
        assert len(hostile.received) == 1
        with pytest.raises(ValueError, match="the limits allow for requests of"):
            client.send(Call("GET", "/x", deadline=5.0))
        assert len(hostile.received) == 1


def test_the_time_spent_on_finding_a_token_counts() -> None:
    hostile, clock = Hostile(answer_of(b"{}")), FixedClock()
    lookups: list[str] = []

    def slow(identity: str) -> Mapping[str, str]:
        lookups.append(identity)
        if len(lookups) == 1:
            clock.elapsed += 1.0
        return {}

    with hostile.serve() as address:
        client = ApiClient(address, clock=clock, budget=Brief(), auth_of=slow)
        with closing(client), pytest.raises(SourceUnavailable, match="no token in time"):
            client.send(Call("GET", "/x"), tries=1)
    assert (hostile.received, client.traffic.requests) == ([], 0)
