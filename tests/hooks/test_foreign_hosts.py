"""Links and redirects to hosts that a source declares, over real sockets: what they get and what they cause."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from core.budget import LimitReport, NoBudget
from core.clock import FixedClock
from core.errors import AuthenticationError, RequestRefused, SourceUnavailable, UnexpectedPayload
from hooks.api import ApiClient, Call
from hooks.http.destinations import Destinations
from hooks.http.limit_headers import RateLimitHeaders
from tests.hostile import Hostile, answer_of

AUTH = {"Authorization": "Bearer hush-hush", "X-Api-Key": "whisper"}
NOTHING = b"HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n%s\r\n"


class Reader:
    """Remembers whose answers were read."""

    def __init__(self) -> None:
        self.read_statuses: list[int] = []

    def read(self, status: int, headers: object, body: bytes) -> LimitReport:
        self.read_statuses.append(status)
        return RateLimitHeaders().read(status, {}, b"")


def redirect(to: str) -> bytes:
    return NOTHING % (b"302 Found", f"Location: {to}\r\n".encode())


def host(address: str) -> str:
    return urlsplit(address).netloc


@contextmanager
def client_of(base: str, foreign: tuple[str, ...] = (), trusted: tuple[str, ...] = ()) -> Iterator[ApiClient]:
    client = ApiClient(base, AUTH, FixedClock(), foreign_hosts=foreign, trusted_hosts=trusted)
    client.authenticate(lambda identity: {"X-Identity": "of-ada"}, lambda token: False)
    with closing(client):
        yield client


def test_a_declared_host_is_followed_without_credentials(tmp_path: Path) -> None:
    files = Hostile(answer_of(b"bytes", "Set-Cookie: a=b"))
    with files.serve() as there:
        source = Hostile(redirect(f"{there}/archive?sig=1"), answer_of(b""))
        with source.serve() as here, client_of(here, (host(there),)) as client:
            call = Call(
                "GET", "/tarball", headers={"Accept": "application/zip", "X-Token": "t0", "Cookie": "c=d"}
            )
            found = client.download(call, tmp_path / "x")
            client.get(f"{there}/again")
    assert (tmp_path / "x").read_bytes() == b"bytes"
    assert found.url == f"{there}/archive?sig=1"
    assert b"X-Token: t0" in source.received[0]
    assert b"Authorization: Bearer hush-hush" in source.received[0]
    first, second = files.received
    assert first.startswith(b"GET /archive?sig=1 HTTP/1.1\r\n")
    assert b"Accept: application/zip\r\n" in first
    for request in (first, second):
        names = {line.partition(b":")[0].lower() for line in request.split(b"\r\n")[1:] if line}
        assert names == {b"host", b"user-agent", b"accept", b"accept-encoding", b"connection"}
        assert not any(word in request for word in (b"hush", b"whisper", b"of-ada", b"t0", b"c=d", b"a=b"))


def test_a_trusted_host_gets_the_credentials() -> None:
    files = Hostile(answer_of(b"{}"))
    with (
        files.serve() as there,
        Hostile(redirect(f"{there}/private")).serve() as here,
        client_of(here, trusted=(host(there),)) as client,
    ):
        assert client.get("/file").json() == {}
    (request,) = files.received
    assert b"Authorization: Bearer hush-hush\r\n" in request
    assert b"X-Identity: of-ada\r\n" in request


def test_any_other_host_is_refused_by_name() -> None:
    with (
        Hostile(answer_of(b"{}")).serve() as there,
        Hostile(redirect("http://evil.example/x")).serve() as here,
        client_of(here, (host(there),)) as client,
    ):
        with pytest.raises(UnexpectedPayload, match=r"foreign host evil\.example"):
            client.get("/file")
        with pytest.raises(UnexpectedPayload, match=r"foreign host files\.evil\.example"):
            client.get("http://files.evil.example/x")


def test_a_foreign_host_cannot_lead_back_to_the_credentials() -> None:
    with Hostile(answer_of(b"{}")).serve() as files:
        source = Hostile(answer_of(b"{}"))
        with source.serve() as here, Hostile(redirect(f"{here}/delete-everything")).serve() as there:
            with (
                client_of(here, (host(there),), (host(files),)) as client,
                pytest.raises(UnexpectedPayload, match="which gets no credentials, to a host that does"),
            ):
                client.get(f"{there}/x")
            assert source.received == []
        with (
            Hostile(redirect(f"{files}/private")).serve() as there,
            client_of("http://127.0.0.1:9", (host(there),), (host(files),)) as client,
            pytest.raises(UnexpectedPayload, match="which gets no credentials"),
        ):
            client.get(f"{there}/x")


def test_foreign_hosts_redirect_among_themselves_only() -> None:
    last = Hostile(answer_of(b"{}"))
    with (
        last.serve() as third,
        Hostile(redirect(f"{third}/there")).serve() as second,
        Hostile(redirect("http://evil.example/")).serve() as bad,
        client_of("http://127.0.0.1:9", (host(second), host(third), host(bad))) as client,
    ):
        assert client.get(f"{second}/here").status == 200
        with pytest.raises(UnexpectedPayload, match=r"foreign host evil\.example"):
            client.get(f"{bad}/x")


@pytest.mark.parametrize(
    ("status", "kind", "message"),
    [
        (b"401 Unauthorized", RequestRefused, r"/x at 127\.0\.0\.1: refused \(401\); a signed link"),
        (b"403 Forbidden", RequestRefused, r"refused \(403\)"),
        (b"429 Too Many Requests", SourceUnavailable, r"asked to wait \(429\)"),
    ],
)
def test_a_refusal_elsewhere_is_none_of_our_token_or_quota(
    status: bytes, kind: type[Exception], message: str
) -> None:
    headers = (
        b"Retry-After: 600\r\nX-RateLimit-Limit: 60\r\nX-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 9\r\n"
    )
    refused: list[str] = []
    with (
        Hostile(NOTHING % (status, headers)).serve() as there,
        client_of("http://127.0.0.1:9", (host(there),)) as client,
    ):
        client._limits = reader = Reader()
        client.authenticate(lambda identity: AUTH, lambda token: bool(refused.append(token)))
        client.budget = Unused()
        with pytest.raises(kind, match=message) as caught:
            client.get(f"{there}/x?X-Amz-Signature=abc")
    assert not isinstance(caught.value, AuthenticationError)
    assert "abc" not in str(caught.value)
    assert (reader.read_statuses, refused) == ([], [])


class Unused(NoBudget):
    """A budget that nothing may ask."""

    def admit(self, *args: object, **options: object) -> object:  # type: ignore[override]
        raise AssertionError("a foreign host does not use our quota")


def test_a_trusted_host_says_nothing_about_our_quota() -> None:
    with (
        Hostile(answer_of(b"{}", "X-RateLimit-Limit: 5")).serve() as there,
        client_of("http://127.0.0.1:9", trusted=(host(there),)) as client,
    ):
        client._limits = reader = Reader()
        client.get(f"{there}/x")
    assert reader.read_statuses == []


@pytest.mark.parametrize(
    "link", ["{there}/x?key=sesame&v=1", "{there}/x?t=hush%2Dhush", "{there}/whisper", "{there}/x?a=of-ada"]
)
def test_a_link_that_contains_a_credential_is_not_followed(link: str) -> None:
    files = Hostile(answer_of(b"{}"))
    with files.serve() as there:
        target = link.format(there=there)
        answers = Hostile(redirect(target))
        with (
            answers.serve() as here,
            client_of(here, (host(there),)) as client,
            pytest.raises(UnexpectedPayload, match=r"leads to 127\.0\.0\.1 with a credential"),
        ):
            client.send(Call("GET", "/x", (("key", "sesame"), ("part", "id"))))
    assert files.received == []


def test_nothing_is_changed_at_a_foreign_host() -> None:
    with (
        client_of("http://127.0.0.1:9", ("127.0.0.1:10",)) as client,
        pytest.raises(UnexpectedPayload, match=r"leads to 127\.0\.0\.1, where nothing is changed"),
    ):
        client.send(Call("POST", "http://127.0.0.1:10/x", body={}))


SLACK = Destinations(
    "https://slack.com/api", ("*.cdn.example.org", "plain.example:8443"), ("files.slack.com",)
)


@pytest.mark.parametrize(
    ("link", "url", "foreign", "trusted"),
    [
        ("/users.list", "https://slack.com/api/users.list", "", True),
        ("https://slack.com/api/x?a=1", "https://slack.com/api/x?a=1", "", True),
        ("https://files.slack.com/a?b=%20c#d", "https://files.slack.com/a?b=%20c", "files.slack.com", True),
        ("https://FILES.slack.com:443", "https://files.slack.com/", "files.slack.com", True),
        ("https://a.cdn.example.org/..%2fx", "https://a.cdn.example.org/..%2fx", "a.cdn.example.org", False),
        ("https://a.b.cdn.example.org/x", "https://a.b.cdn.example.org/x", "a.b.cdn.example.org", False),
        ("https://plain.example:8443/x", "https://plain.example:8443/x", "plain.example", False),
    ],
)
def test_where_links_lead(link: str, url: str, foreign: str, trusted: bool) -> None:
    found = SLACK.of(link)
    assert (found.url, found.host, found.trusted) == (url, foreign, trusted)


@pytest.mark.parametrize(
    "link",
    [
        "http://files.slack.com/a",
        "https://files.slack.com:8443/a",
        "https://plain.example/x",
        "https://cdn.example.org/x",
        "https://evilcdn.example.org/x",
        "https://files.slack.com.evil.example/x",
        "https://evil.example\\.cdn.example.org/x",
        "https://evil.example%2f.cdn.example.org/x",
        "https://me:secret@files.slack.com/a",
        "https://me:secret@slack.com/api/a",
        "https://files.slack.com@evil.example/a",
        "https://files.slack.com:port/a",
        "https://[files.slack.com/a",
        "ftp://files.slack.com/a",
        "//files.slack.com.evil.example/a",
        "https://slack.com/admin",
    ],
)
def test_where_links_may_not_lead(link: str) -> None:
    with pytest.raises(UnexpectedPayload) as caught:
        SLACK.of(link)
    assert "secret" not in str(caught.value)


def test_a_host_may_be_declared_beside_the_base_path() -> None:
    """As in the sandbox, where all services have one host."""
    found = Destinations("http://127.0.0.1:80/slack/api", ("127.0.0.1",))
    assert found.of("http://127.0.0.1/slack/api/x").trusted
    assert not found.of("http://127.0.0.1/slack/files/x").trusted


@pytest.mark.parametrize("host", ["*", "*.org", "", "https://x.org", "x.org/path", "a.*.org", "x.org:http"])
def test_a_declaration_is_narrow(host: str) -> None:
    with pytest.raises(ValueError, match="a host is declared as"):
        Destinations("https://slack.com", (host,))
