"""Sends single requests over a client's sessions; answers are received within limits of time and size."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests

from core.errors import BrokenOff, Closed, SourceUnavailable, TooLarge, UnexpectedPayload
from core.redaction import redact
from hooks.http.deadline import Deadlines, Watch, WatchedAdapter
from hooks.http.messages import Traffic

CONNECT_TIMEOUT, READ_TIMEOUT = 10.0, 30.0
CHUNK = 64 * 1024
USER_AGENT = "boost-data-collector (+https://github.com/cppalliance)"


class Answer:
    """An answer whose headers have arrived. Its body is read inside the `with` block of `Transport.send`."""

    def __init__(
        self, response: requests.Response, what: str, watch: Watch, deadlines: Deadlines, traffic: Traffic
    ) -> None:
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self._response, self._what, self._watch = response, what, watch
        self._deadlines, self._traffic = deadlines, traffic

    def take(self, seconds: float) -> None:
        """Let the whole answer take so many seconds since its request."""
        self._deadlines.change(self._watch, seconds)

    def read(self, most: int) -> bytes:
        """Return the whole body."""
        return b"".join(self.chunks(most))

    def chunks(self, most: int) -> Iterator[bytes]:
        """Yield the body in parts; it is complete if the iteration ends without an error."""
        size = 0
        announced = self.headers.get("Content-Length", "")
        if announced.isdigit() and int(announced) > most:
            raise self._too_large(most)
        try:
            for part in self._response.iter_content(CHUNK):
                size += len(part)
                if size > most:
                    raise self._too_large(most)
                yield part
        finally:
            self._traffic.add(received=size)
        if self._watch.overdue:
            # A body without an announced length just ends when its connection is shut down.
            raise ended(self._what, self._watch)

    def _too_large(self, most: int) -> TooLarge:
        method, _, path = self._what.partition(" ")
        return TooLarge(f"larger than {most:,} bytes", source=method, identifier=path)


class Transport:
    """The sessions of a client, one per thread, and the deadlines of all its requests.

    No session holds credentials or keeps cookies: what a request authenticates with is among its headers.
    """

    def __init__(self, traffic: Traffic, secrets: set[str]) -> None:
        self._traffic, self._secrets = traffic, secrets
        self._deadlines = Deadlines()
        self._local = threading.local()
        self._sessions: list[requests.Session] = []

    @contextmanager
    def send(
        self, method: str, url: str, what: str, *, headers: Mapping[str, str], body: Any, seconds: float
    ) -> Iterator[Answer]:
        """Send a request and yield its answer; errors inside the `with` block are those of the request.

        :param what: method and path, for errors.
        :param seconds: how long the whole answer may take, unless `Answer.take` changes it.
        """
        with self._deadlines.within(seconds) as watch:
            try:
                with self._session().request(
                    method,
                    url,
                    headers=dict(headers),
                    json=body,
                    timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
                    stream=True,
                    allow_redirects=False,
                ) as response:
                    yield Answer(response, what, watch, self._deadlines, self._traffic)
            except requests.exceptions.InvalidURL:
                raise UnexpectedPayload(
                    "not a valid address", source=method, identifier=_path(what)
                ) from None
            except requests.RequestException as error:
                raise self._unavailable(error, what, watch) from None

    def close(self) -> None:
        """End all requests under way at once, and close sockets."""
        self._deadlines.close()
        while self._sessions:
            self._sessions.pop().close()

    def _unavailable(self, error: requests.RequestException, what: str, watch: Watch) -> SourceUnavailable:
        if watch.overdue or isinstance(error, requests.Timeout):
            return ended(what, watch)
        broken = (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError)
        if isinstance(error, broken):
            return BrokenOff(f"{what}: the answer broke off")
        reason = redact(type(error).__name__, tuple(self._secrets))
        return SourceUnavailable(f"{what}: the connection failed ({reason})")

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None or session not in self._sessions:
            session = requests.Session()
            # requests may read proxies and certificate bundles from the environment, but must not add
            # credentials from a .netrc file.
            session.auth = lambda request: request
            session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
            session.mount("http://", WatchedAdapter(pool_maxsize=1))
            session.mount("https://", WatchedAdapter(pool_maxsize=1))
            session.headers.update({"User-Agent": USER_AGENT, "Accept": "application/json"})
            self._local.session = session
            self._sessions.append(session)
        return session


def ended(what: str, watch: Watch) -> SourceUnavailable:
    """Return the error of a request that was ended before its answer was complete."""
    if watch.closed:
        return Closed(f"{what}: the client was closed before the answer was complete")
    return SourceUnavailable(f"{what}: no complete answer in time", timed_out=True)


def _path(what: str) -> str:
    return what.partition(" ")[2]
