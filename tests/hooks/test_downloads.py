"""Bodies streamed to a file, over real sockets: complete or not there at all."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path

import pytest

from core.budget import Admission, LimitReport, NoBudget
from core.clock import FixedClock
from core.errors import BrokenOff, Closed, NotFound, SourceUnavailable, Stopped, TooLarge, UnexpectedPayload
from hooks.api import ApiClient, Call
from hooks.http.transport import Answer
from tests.hostile import Hostile, answer_of
from tests.waiting import until

BODY = bytes(range(256)) * 4000
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"


@contextmanager
def client_of(hostile: Hostile, budget: NoBudget | None = None) -> Iterator[ApiClient]:
    with (
        hostile.serve() as address,
        closing(ApiClient(address, {"Authorization": "Bearer x"}, FixedClock(), budget)) as client,
    ):
        yield client


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_body_becomes_a_file(tmp_path: Path) -> None:
    hostile = Hostile(answer_of(BODY, 'ETag: "e"'))
    with client_of(hostile) as client:
        found = client.download(Call("GET", "/archive"), tmp_path / "new" / "boost.tar.gz")
        assert client.traffic.received_bytes == len(BODY)
        assert client.traffic.requests == 1
    assert (found.status, found.size, found.headers["ETag"]) == (200, len(BODY), '"e"')
    assert found.sha256 == sha256(BODY).hexdigest()
    assert left(tmp_path / "new") == ["boost.tar.gz"]
    assert (tmp_path / "new" / "boost.tar.gz").read_bytes() == BODY
    (request,) = hostile.received
    assert b"Accept: */*\r\n" in request
    assert b"Accept-Encoding: identity\r\n" in request


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o644)])
def test_others_may_read_the_file_unless_the_umask_forbids_it(tmp_path: Path, mask: int, mode: int) -> None:
    with client_of(Hostile(answer_of(b"x"))) as client:
        before = os.umask(mask)
        try:
            client.download(Call("GET", "/x"), tmp_path / "x")
        finally:
            os.umask(before)
    assert (tmp_path / "x").stat().st_mode & 0o777 == mode


def test_a_body_is_never_held_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    chunks = Answer.chunks

    def counted(self: Answer, most: int) -> Iterator[bytes]:
        for part in chunks(self, most):
            sizes.append(len(part))
            yield part

    monkeypatch.setattr(Answer, "chunks", counted)
    with client_of(Hostile(answer_of(BODY))) as client:
        client.download(Call("GET", "/x"), tmp_path / "x")
    assert sum(sizes) == len(BODY)
    assert max(sizes) <= 64 * 1024


@pytest.mark.parametrize(
    "parts",
    [
        (answer_of(BODY)[:-1],),
        (CHUNKED, b"5\r\nhello\r\n", b"5\r\nhel"),
        (CHUNKED, b"5\r\nhello\r\n"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
        ),
    ],
    ids=["length", "chunk", "no last chunk", "not gzip"],
)
def test_a_body_that_breaks_off_is_an_error_and_leaves_nothing(
    tmp_path: Path, parts: Sequence[bytes]
) -> None:
    hostile = Hostile(*parts)
    (tmp_path / "x").write_bytes(b"older")
    with client_of(hostile) as client, pytest.raises(BrokenOff, match="GET /x: the answer broke off"):
        client.download(Call("GET", "/x"), tmp_path / "x", tries=3)
    assert left(tmp_path) == ["x"]
    assert (tmp_path / "x").read_bytes() == b"older"
    assert len(hostile.received) == 3


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_that_is_too_large_is_cut_off(tmp_path: Path, announced: bool) -> None:
    parts = (answer_of(BODY),) if announced else (CHUNKED, *[b"1000\r\n" + b"x" * 4096 + b"\r\n"] * 300)
    with client_of(Hostile(*parts)) as client:
        with pytest.raises(TooLarge, match="larger than 200,000 bytes"):
            client.download(Call("GET", "/x"), tmp_path / "x", max_bytes=200_000)
        assert client.traffic.received_bytes < 300_000
        assert (client.traffic.received_bytes == 0) is announced
    assert left(tmp_path) == []


@pytest.mark.parametrize("head", [b"Content-Length: 10000", b"Connection: close"], ids=["length", "end"])
def test_an_overdue_download_is_ended(tmp_path: Path, head: bytes) -> None:
    """Its own deadline holds, longer or shorter than that of the headers."""
    hostile = Hostile(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n", *[b"x"] * 10_000, pause=0.05)
    with client_of(hostile) as client, pytest.raises(SourceUnavailable) as caught:
        client.download(Call("GET", "/x"), tmp_path / "x", deadline=0.4, tries=2)
    assert caught.value.timed_out
    assert len(hostile.received) == 2
    assert left(tmp_path) == []


def test_a_download_may_take_longer_than_its_headers(tmp_path: Path) -> None:
    hostile = Hostile(b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n", *[b"x"] * 16, pause=0.05)
    with client_of(hostile) as client:
        found = client.download(Call("GET", "/x", deadline=0.7), tmp_path / "x", tries=1)
    assert found.size == 16


def test_closing_ends_a_download_at_once_and_for_good(tmp_path: Path) -> None:
    hostile = Hostile(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n", *[b"x"] * 10_000, pause=0.05)
    outcomes: list[BaseException] = []
    with client_of(hostile) as client:

        def download() -> None:
            try:
                client.download(Call("GET", "/x"), tmp_path / "x")
            except SourceUnavailable as error:
                outcomes.append(error)

        thread = threading.Thread(target=download)
        thread.start()
        until(lambda: left(tmp_path))
        client.close()
        thread.join()
    assert [type(error) for error in outcomes] == [Closed]
    assert len(hostile.received) == 1
    assert left(tmp_path) == []


def test_a_task_that_is_stopped_leaves_no_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(self: Answer, most: int) -> Iterator[bytes]:
        yield b"half"
        assert len(left(tmp_path)) == 1
        raise Stopped

    monkeypatch.setattr(Answer, "chunks", stop)
    with client_of(Hostile(answer_of(BODY))) as client, pytest.raises(Stopped):
        client.download(Call("GET", "/x"), tmp_path / "x")
    assert left(tmp_path) == []


class Counted(NoBudget):
    """Counts who is admitted, and what is learned of the answers."""

    def __init__(self) -> None:
        self.now, self.learned = 0, 0

    @contextmanager
    def admit(self, resource: str, *, cost: int | None = None, identity: str = "") -> Iterator[Admission]:
        self.now += 1
        try:
            with super().admit(resource) as free:
                budget = self

                class Learning:
                    identity, longest = "ada", 45.0

                    def learn(self, report: LimitReport) -> float | None:
                        budget.learned += 1
                        return free.learn(report)

                yield Learning()
        finally:
            self.now -= 1


def test_the_budget_covers_a_download_until_its_headers_have_arrived(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    budget, seen, chunks = Counted(), [], Answer.chunks

    def watched(self: Answer, most: int) -> Iterator[bytes]:
        seen.append((budget.now, budget.learned))
        return chunks(self, most)

    monkeypatch.setattr(Answer, "chunks", watched)
    with client_of(Hostile(answer_of(BODY)), budget) as client:
        client.download(Call("GET", "/x"), tmp_path / "x", deadline=600.0)
        client.get("/x")
    assert seen == [(0, 1), (1, 1)]


def test_an_error_is_reported_as_of_any_request(tmp_path: Path) -> None:
    missing = b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone"
    with client_of(Hostile(missing)) as client, pytest.raises(NotFound, match="GET /x: not found"):
        client.download(Call("GET", "/x"), tmp_path / "x")
    empty = b"HTTP/1.1 204 No Content\r\n\r\n"
    with client_of(Hostile(empty)) as client, pytest.raises(UnexpectedPayload, match="no file but 204"):
        client.download(Call("GET", "/x"), tmp_path / "x")
    assert left(tmp_path) == []


def test_an_unchanged_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"older")
    with client_of(Hostile(b'HTTP/1.1 304 Not Modified\r\nETag: "e"\r\n\r\n')) as client:
        call = Call("GET", "/x", headers={"If-None-Match": '"e"'})
        found = client.download(call, tmp_path / "x")
    assert found.not_modified
    assert (found.size, found.sha256) == (0, "")
    assert (tmp_path / "x").read_bytes() == b"older"
