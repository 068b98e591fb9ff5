"""The HTTP client of all sources: sessions, limits, retries, redaction, counting.

Errors contain only method and path. A token is never sent to another host than the Connection's: redirects
and links that an API returns are rebuilt on its base address, and other hosts are refused.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import requests
from requests.adapters import HTTPAdapter

from core.budget import Budget, NoBudget
from core.clock import Clock, SystemClock
from core.errors import BrokenOff, CollectorError, SourceUnavailable, TooLarge, UnexpectedPayload
from core.http_cache import NoValidators, Validator, Validators
from core.redaction import redact
from core.settings import Settings
from hooks.http.failures import failure_of
from hooks.http.links import rebuild
from hooks.http.request_retry import retrying

CONNECT_TIMEOUT, READ_TIMEOUT = 10.0, 30.0
MAX_BODY_BYTES = Settings.max_body_mb.default * 1024 * 1024
IN_FLIGHT = Settings.requests_in_flight.default
CHUNK = 64 * 1024
MAX_REDIRECTS = 3
USER_AGENT = "boost-data-collector (+https://github.com/cppalliance)"


@dataclass(frozen=True)
class Response:
    """A complete answer with a status below 400."""

    method: str
    path: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str = ""

    @property
    def validator(self) -> Validator:
        """The validator for the next request of this page; the store saves it with the page."""
        return Validator.from_headers(self.headers)

    @property
    def not_modified(self) -> bool:
        """Whether nothing has changed since the validator that was sent (304)."""
        return self.status == 304

    def json(self) -> Any:
        """Decode the body; an HTML page or an incomplete document is an error that names the path."""
        try:
            return json.loads(self.body)
        except ValueError:
            kind = self.headers.get("Content-Type", "no content type").partition(";")[0]
            reason = f"not JSON but {kind}, {len(self.body):,} bytes"
            raise UnexpectedPayload(reason, source=self.method, identifier=self.path) from None


@dataclass
class Traffic:
    """What a client sent and received; safe to read while threads count."""

    requests: int = 0
    retries: int = 0
    received_bytes: int = 0
    waited_seconds: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, *, requests: int = 0, retries: int = 0, received: int = 0, waited: float = 0.0) -> None:
        """Add to the counts."""
        with self.lock:
            self.requests += requests
            self.retries += retries
            self.received_bytes += received
            self.waited_seconds += waited


@dataclass(frozen=True)
class Call:
    """A request to send: a path below the base address (or a link that the API returned), and its query.

    :param tag: whatever the caller needs to recognise the answer.
    """

    path: str
    params: tuple[tuple[str, str], ...] = ()
    tag: Any = None

    @property
    def target(self) -> str:
        """The path with the query."""
        return f"{self.path}?{urlencode(self.params)}" if self.params else self.path


class ApiClient:
    """Sends requests to one service.

    :param base_url: the service's address; every path is below it.
    :param auth: headers that authenticate.
    :param budget: admits requests so that all tasks together stay below the limits.
    :param validators: known validators, sent with each request; the store saves new ones with their page.
    :param auth_of: returns the headers of the identity that a request is admitted for, if there are several.
    :param on_request: called after each answer with path, status, bytes and seconds.
    """

    def __init__(
        self,
        base_url: str,
        auth: Mapping[str, str] | None = None,
        clock: Clock | None = None,
        budget: Budget | None = None,
        validators: Validators | None = None,
        on_request: Callable[[str, int, int, float], None] | None = None,
        *,
        in_flight: int = IN_FLIGHT,
        max_body_bytes: int = MAX_BODY_BYTES,
        resource: str = "core",
        auth_of: Callable[[str], Mapping[str, str]] | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.clock = clock or SystemClock()
        self.budget = budget or NoBudget()
        self.validators = validators or NoValidators()
        self.on_request = on_request or (lambda path, status, size, seconds: None)
        self.in_flight = max(1, in_flight)
        self.max_body_bytes = max_body_bytes
        self.resource = resource
        self.traffic = Traffic()
        self._auth = dict(auth or {})
        self._auth_of = auth_of
        self._secrets = tuple(self._auth.values())
        self._local = threading.local()
        self._sessions: list[requests.Session] = []
        self._pool: ThreadPoolExecutor | None = None

    def get(
        self, path: str, params: Mapping[str, Any] | None = None, *, tries: int | None = None
    ) -> Response:
        """Fetch one path: wait and retry within limits, then raise one of the `core.errors`.

        :param tries: how many tries network errors and 5xx get; `hooks.http.request_retry.TRIES` by default.
        """
        pairs = tuple((name, str(value)) for name, value in (params or {}).items() if value is not None)
        return self._call(Call(path, pairs), tries)

    def get_json(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """Fetch one path and decode its JSON."""
        return self.get(path, params).json()

    def in_order(self, calls: Iterable[Call]) -> Iterator[tuple[Call, Response | CollectorError]]:
        """Send several requests concurrently and yield the answers in the order of the calls.

        An error is yielded like an answer, so that one failing item does not stop the others. At most
        `in_flight` answers are kept in memory.
        """
        waiting: deque[tuple[Call, Future[Response]]] = deque()
        source = iter(calls)
        pool = self._threads()
        try:
            while True:
                while len(waiting) < self.in_flight and (call := next(source, None)) is not None:
                    waiting.append((call, pool.submit(self._call, call, None)))
                if not waiting:
                    return
                call, future = waiting.popleft()
                outcome: Response | CollectorError
                try:
                    outcome = future.result()
                except CollectorError as error:
                    outcome = error
                yield call, outcome
        finally:
            for _, future in waiting:
                future.cancel()

    def close(self) -> None:
        """Close threads and sockets without waiting for requests in flight."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None
        self.budget.close()
        while self._sessions:
            self._sessions.pop().close()

    def _threads(self) -> ThreadPoolExecutor:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.in_flight, thread_name_prefix="api")
        return self._pool

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None or session not in self._sessions:
            session = requests.Session()
            # requests may read proxies and certificate bundles from the environment, but must not replace
            # the Connection's credentials with those of a .netrc file.
            session.auth = lambda request: request
            session.mount("http://", HTTPAdapter(pool_maxsize=1))
            session.mount("https://", HTTPAdapter(pool_maxsize=1))
            session.headers.update({"User-Agent": USER_AGENT, "Accept": "application/json", **self._auth})
            self._local.session = session
            self._sessions.append(session)
        return session

    def _call(self, call: Call, tries: int | None) -> Response:
        attempt = retrying(self.clock, self.traffic, tries)
        answer: Response = attempt(self._follow, call)
        return answer

    def _follow(self, call: Call) -> Response:
        url = rebuild(self.base_url, call.target)
        for _ in range(MAX_REDIRECTS + 1):
            response = self._send(url, call.path)
            if response.status not in (301, 302, 303, 307, 308):
                return response
            url = rebuild(self.base_url, response.headers.get("Location", ""))
        raise UnexpectedPayload(
            f"redirected more than {MAX_REDIRECTS} times", source="GET", identifier=call.path
        )

    def _send(self, url: str, path: str) -> Response:
        known = self.validators.get(url)
        started = self.clock.monotonic()
        shown = redact(path, self._secrets)
        try:
            with self.budget.admit(self.resource) as identity:
                self.traffic.add(requests=1)
                with self._session().get(
                    url,
                    headers=self._headers(identity, known),
                    timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
                    stream=True,
                    allow_redirects=False,
                ) as answer:
                    body = self._read(answer, shown)
                    self.budget.learn(self.resource, identity, answer.status_code, answer.headers)
        except requests.Timeout as error:
            raise SourceUnavailable(f"GET {shown}: no answer in time", timed_out=True) from error
        except requests.exceptions.InvalidURL as error:
            raise UnexpectedPayload("not a valid address", source="GET", identifier=shown) from error
        except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError) as error:
            raise BrokenOff(f"GET {shown}: the answer broke off") from error
        except requests.RequestException as error:
            reason = redact(type(error).__name__, self._secrets)
            raise SourceUnavailable(f"GET {shown}: the connection failed ({reason})") from error
        seconds = self.clock.monotonic() - started
        self.on_request(shown, answer.status_code, len(body), seconds)
        if answer.status_code >= 400:
            raise failure_of(answer.status_code, answer.headers, body, f"GET {shown}", self.clock.now())
        return Response("GET", shown, answer.status_code, answer.headers, body, url)

    def _headers(self, identity: str, known: Validator | None) -> dict[str, str]:
        """Return the headers that only this request has: those of its identity and its validator."""
        own = dict(self._auth_of(identity)) if self._auth_of else {}
        return own | (known.headers() if known else {})

    def _read(self, answer: requests.Response, path: str) -> bytes:
        parts: list[bytes] = []
        size = 0
        for part in answer.iter_content(CHUNK):
            parts.append(part)
            size += len(part)
            if size > self.max_body_bytes:
                self.traffic.add(received=size)
                raise TooLarge(f"larger than {self.max_body_bytes:,} bytes", source="GET", identifier=path)
        self.traffic.add(received=size)
        return b"".join(parts)
