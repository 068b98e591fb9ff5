"""Libraries that send their own requests take part in a hook's limits: the real slack_sdk, yt-dlp and git."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import psycopg
import pytest
from fastapi import APIRouter, Request
from slack_sdk import WebClient

from core.budget import Limits
from core.clock import Clock, FixedClock, SystemClock
from core.errors import Closed, CollectorFailureCategory, RateLimited, classify_failure
from hooks.git_process import last_answer, run_git
from hooks.http.admitted import AdmittedRequest
from hooks.slack_client import AdmittedWebClient
from hooks.source_hook import SourceHook
from hooks.video_client import AdmittedYoutubeDL
from sandbox.faults import Fault
from sandbox.limits import Limit
from sandbox.server import serve
from sandbox.service import Service
from sandbox.world import World
from tests.hostile import Hostile


def routers(state: Callable[[], Any]) -> list[APIRouter]:
    router = APIRouter()

    @router.post("/api/{method}")
    async def call(method: str, request: Request) -> dict[str, Any]:
        """Answer as Slack does: two pages of members, else only ok."""
        form = (await request.body()).decode()
        if method != "users.list":
            return {"ok": True}
        more = "" if "cursor=second" in form else "second"
        return {"ok": True, "members": [more], "response_metadata": {"next_cursor": more}}

    return [router]


CHAT = Service[set[str]](name="chat", prefix="/chat", empty=set, routers=routers, connections=lambda base: {})


class ChatHook(SourceHook):
    """The hook of a service whose own library sends the requests; it has no base address."""

    limits: ClassVar[Mapping[str, Limits]] = {
        "core": Limits(in_flight=2, slots_each=2, block=4),
        "git": Limits(in_flight=1, slots_each=1, block=1, longest_request=300.0),
    }
    conn_name_attr = "chat_conn_id"
    default_conn_name = "chat_api"
    conn_type = "chat"
    hook_name = "Chat"
    example_host = "https://chat.example.org"

    def __init__(self, chat_conn_id: str = default_conn_name, clock: Clock | None = None) -> None:
        super().__init__(chat_conn_id, clock=clock)


class Folder(ThreadingHTTPServer):
    """Serves the files of a folder, and counts the requests."""

    def __init__(self, folder: Path) -> None:
        self.requests = 0
        super().__init__(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Quiet(SimpleHTTPRequestHandler):
    """Logs nothing."""

    def parse_request(self) -> bool:
        assert isinstance(self.server, Folder)
        self.server.requests += 1
        return super().parse_request()

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serve_folder(folder: Path) -> Iterator[Folder]:
    with Folder(folder) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


Make = Callable[..., ChatHook]


@pytest.fixture
def chat() -> World:
    return World((CHAT,))


@pytest.fixture
def make(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    value = {"conn_type": "chat", "password": "one_of_ada"}
    monkeypatch.setenv("AIRFLOW_CONN_CHAT_API", json.dumps(value))
    hooks: list[ChatHook] = []

    def hook(clock: Clock | None = None) -> ChatHook:
        hooks.append(ChatHook(clock=clock or FixedClock(datetime.now(UTC))))
        hooks[-1].use(lambda: psycopg.connect(database, autocommit=True))
        return hooks[-1]

    yield hook
    for each in hooks:
        each.close()


@pytest.fixture
def slack(chat: World, make: Make) -> Iterator[Callable[..., AdmittedWebClient]]:
    with serve(chat) as address:

        def client(clock: Clock | None = None) -> AdmittedWebClient:
            hook = make(clock)
            return AdmittedWebClient(hook, token=hook.token(""), base_url=f"{address}/chat/api/")

        yield client


def test_slack_sdk_never_has_more_requests_in_flight_than_allowed(
    chat: World, slack: Callable[..., AdmittedWebClient]
) -> None:
    chat.limits.append(limit := Limit("/chat", in_flight=2))
    chat.faults.append(Fault("/chat", kind="delay", seconds=0.03))
    client = slack(SystemClock())
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: client.api_test()["ok"], range(30)))
    assert answers == [True] * 30
    assert (limit.violations, limit.most_in_flight) == ({}, 2)
    assert client._hook.requests == chat.traffic.counts.total() == 30
    assert client._hook.received_bytes > 0


def test_pages_of_slack_sdk_are_admitted_one_by_one(
    chat: World, slack: Callable[..., AdmittedWebClient]
) -> None:
    client = slack()
    assert isinstance(client, WebClient)
    assert [page["members"] for page in client.users_list(limit=1)] == [["second"], [""]]
    assert client._hook.requests == chat.traffic.counts.total() == 2


def test_a_429_of_slack_is_learned_by_all(chat: World, slack: Callable[..., AdmittedWebClient]) -> None:
    chat.limits.append(limit := Limit("/chat", per_stretch=1, stretch=600.0))
    clients = [slack(), slack()]
    clients[0].api_test()
    for client in (*clients, *clients):
        with pytest.raises(RateLimited) as caught:
            client.api_test()
        assert 500 < (caught.value.retry_after or 0) <= 601
    assert limit.violations == {"rate": 1}


def test_a_short_429_of_slack_is_waited_for(chat: World, slack: Callable[..., AdmittedWebClient]) -> None:
    chat.faults.append(Fault("/chat", status=429, headers={"Retry-After": "0"}, times=1))
    client = slack()
    assert client.api_test()["ok"]
    assert chat.traffic.counts.total() == 2


def test_any_library_is_admitted_in_the_same_way(make: Make) -> None:
    hook = make()
    with hook.admission(cost=3) as request:
        assert (request.identity.startswith("chat:"), request.longest) == (True, 45.0)
        request.answered(200, {"x-ratelimit-remaining": "5"}, b"bytes")
    assert hook.token(request.identity) == "one_of_ada"
    with pytest.raises(RateLimited), hook.admission() as request:
        request.answered(429, {"retry-after": "600"})
    with pytest.raises(RateLimited, match="asked to wait") as caught, hook.admission():
        pass
    assert 500 < (caught.value.retry_after or 0) <= 601
    assert (hook.requests, hook.received_bytes) == (2, 5)


def test_client_and_other_libraries_share_one_budget(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    hook = make()
    monkeypatch.setenv("AIRFLOW_CONN_CHAT_API", '{"conn_type": "chat", "host": "http://127.0.0.1:9"}')
    assert hook.client().budget is hook.budget()
    with hook.admission(), hook.admission():
        assert hook.budget() is hook.client().budget


def test_nothing_is_sent_again_by_a_hook_that_was_closed(make: Make) -> None:
    hook, sent = make(), []

    def send(request: AdmittedRequest) -> None:
        sent.append(request)
        hook.close()
        request.answered(429, {"Retry-After": "0"})

    with pytest.raises(Closed):
        hook.send_admitted(send)
    assert len(sent) == 1


# -- yt-dlp ---------------------------------------------------------------------------------------------


def test_yt_dlp_downloads_within_the_limits(make: Make, tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "talk.mp4").write_bytes(b"film" * 1000)
    target = tmp_path / "got.mp4"
    with serve_folder(tmp_path / "served") as server:
        hook = make()
        with AdmittedYoutubeDL(hook, {"outtmpl": str(target), "cachedir": False}) as client:
            client.extract_info(f"{server.address}/talk.mp4")
        assert hook.requests == server.requests > 0
    assert target.read_bytes() == b"film" * 1000


@pytest.mark.parametrize("status", [429, 403])
def test_a_refusal_of_yt_dlp_is_a_rate_limit_for_all(status: int, make: Make) -> None:
    head = f"HTTP/1.1 {status} No\r\nRetry-After: 600\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    refusal = Hostile(head.encode())
    with refusal.serve() as address:
        for hook in (make(), make()):
            params = {"cachedir": False, "ignoreerrors": True}  # Which would make a limit a missing video.
            with AdmittedYoutubeDL(hook, params) as client, pytest.raises(RateLimited) as caught:
                client.extract_info(f"{address}/talk.mp4", download=False)
            assert 500 < (caught.value.retry_after or 0) <= 600
    assert len(refusal.received) == 1


# -- git ------------------------------------------------------------------------------------------------


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[str]:
    """Address of a repository with one commit; the files of a bare one are all that git needs."""
    git = partial(subprocess.run, check=True, capture_output=True)
    work, bare = tmp_path / "work", tmp_path / "served" / "x.git"
    git(["git", "init", "-q", "-b", "main", str(work)])
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    git(["git", "-C", str(work), *who, "commit", "-q", "--allow-empty", "-m", "first"])
    git(["git", "clone", "-q", "--bare", str(work), str(bare)])
    git(["git", "-C", str(bare), "update-server-info"])
    with serve_folder(bare.parent) as server:
        yield f"{server.address}/x.git"


def test_git_runs_within_the_limits(repository: str, make: Make, tmp_path: Path) -> None:
    hook = make()
    listed = hook.send_admitted(lambda request: run_git(request, "ls-remote", repository), "git")
    assert listed.endswith("\trefs/heads/main\n")
    with hook.admission("git") as request:
        run_git(request, "clone", "-q", repository, str(tmp_path / "clone"))
    assert (tmp_path / "clone" / ".git").is_dir()
    assert hook.requests == 2


@pytest.mark.parametrize("command", [("ls-remote",), ("clone", "-q")])
def test_a_429_for_git_is_a_rate_limit_and_blocks_the_budget(
    command: tuple[str, ...], make: Make, tmp_path: Path
) -> None:
    refusal = Hostile(
        b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 600\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
    target = (str(tmp_path / "clone"),) if "clone" in command else ()
    with refusal.serve() as address:

        def send(request: AdmittedRequest) -> str:
            return run_git(request, *command, f"{address}/x.git", *target)

        for hook in (make(), make()):
            with pytest.raises(RateLimited) as caught:
                hook.send_admitted(send, "git")
            assert 500 < (caught.value.retry_after or 0) <= 601
    assert len(refusal.received) == 1


def test_other_failures_of_git_keep_their_meaning(make: Make) -> None:
    forbidden = Hostile(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    hook = make()
    with forbidden.serve() as address:
        there = address.replace("//", "//me:hush-hush@")
        with pytest.raises(subprocess.CalledProcessError) as caught, hook.admission("git") as request:
            run_git(request, "ls-remote", f"{there}/x.git")
    assert classify_failure(caught.value) is CollectorFailureCategory.AUTH
    assert "hush" not in f"{caught.value} {caught.value.stderr} {caught.value.cmd}"


def test_the_last_answer_in_a_trace_counts() -> None:
    trace = """
12:00:00.1 http.c:684              => Send header: GET /x HTTP/1.1
12:00:00.2 http.c:684              <= Recv header: HTTP/1.1 401 Unauthorized
12:00:00.2 http.c:684              <= Recv header: Retry-After: 7
12:00:00.2 http.c:684              <= Recv header:
12:00:00.3 http.c:684              <= Recv header: HTTP/2 429
12:00:00.3 http.c:684              <= Recv header: retry-after: 60
12:00:00.3 http.c:684              <= Recv header: link: <https://x.org>; rel="a"
"""
    assert last_answer(trace) == (429, {"retry-after": "60", "link": '<https://x.org>; rel="a"'})
    assert last_answer("") is None
