"""The HTTP client of all sources: sessions, limits, retries, redaction, counting.

Errors contain only method and path. A token is never sent to another host than the Connection's: redirects
and links that an API returns are rebuilt on its base address, and other hosts are refused.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import requests

from core.budget import Admission, Budget, LimitReader, NoBudget
from core.clock import Clock, SystemClock
from core.errors import (
    AuthenticationError,
    BrokenOff,
    CollectorError,
    SourceUnavailable,
    TooLarge,
    UnexpectedPayload,
)
from core.http_cache import Validator
from core.redaction import redact
from core.settings import Settings
from hooks.http.deadline import DEADLINE, Deadlines, WatchedAdapter
from hooks.http.failures import TokenRefused, failure_of, rate_limited
from hooks.http.limit_headers import RateLimitHeaders
from hooks.http.links import rebuild
from hooks.http.messages import SAFE_METHODS, Call, Response, Traffic
from hooks.http.request_retry import retrying

__all__ = ["ApiClient", "Call", "Response", "Traffic"]

CONNECT_TIMEOUT, READ_TIMEOUT = 10.0, 30.0
MAX_BODY_BYTES = Settings.max_body_mb.default * 1024 * 1024
IN_FLIGHT = Settings.requests_in_flight.default
CHUNK = 64 * 1024
MAX_REDIRECTS = 3
USER_AGENT = "boost-data-collector (+https://github.com/cppalliance)"
REDIRECTS = (301, 302, 303, 307, 308)


class ApiClient:
    """Sends requests to one service.

    :param base_url: the service's address; every path is below it.
    :param auth: headers that authenticate.
    :param budget: admits requests so that all tasks together stay below the limits.
    :param auth_of: returns the headers of the identity that a request is admitted for, if there are several.
    :param limits: reads what the source's answers say about its limits, before anything else is decided.
    :param error_in: returns the error in an answer, for services that report errors with status 200.
    :param validator_for: returns the validator that a call has for the identity that sends it.
    :param on_request: called after each answer with path, status, bytes and seconds.
    """

    def __init__(
        self,
        base_url: str,
        auth: Mapping[str, str] | None = None,
        clock: Clock | None = None,
        budget: Budget | None = None,
        on_request: Callable[[str, int, int, float], None] | None = None,
        *,
        in_flight: int = IN_FLIGHT,
        max_body_bytes: int = MAX_BODY_BYTES,
        resource: str = "core",
        auth_of: Callable[[str], Mapping[str, str]] | None = None,
        limits: LimitReader | None = None,
        error_in: Callable[[Response], CollectorError | None] | None = None,
        validator_for: Callable[[Call, str], Validator | None] | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.clock = clock or SystemClock()
        self.budget = budget or NoBudget()
        self.on_request = on_request or (lambda path, status, size, seconds: None)
        self.in_flight = max(1, in_flight)
        self.max_body_bytes = max_body_bytes
        self.resource = resource
        self.traffic = Traffic()
        self._auth = dict(auth or {})
        self._auth_of = auth_of
        self._limits = limits or RateLimitHeaders(self.clock)
        self._error_in = error_in or (lambda response: None)
        self._validator_for = validator_for or Call.validator_for
        self._deadlines = Deadlines()
        self._secrets = set(self._auth.values())
        self._refused: Callable[[str], bool] | None = None
        self._local = threading.local()
        self._sessions: list[requests.Session] = []
        self._pool: ThreadPoolExecutor | None = None
        self._pooling = threading.Lock()

    def authenticate(
        self, auth_of: Callable[[str], Mapping[str, str]], refused: Callable[[str], bool]
    ) -> None:
        """Send each request as the identity that it is admitted for.

        :param auth_of: returns the headers of an identity.
        :param refused: is called with a token that got a 401; returns whether another one is there to try.
        """
        self._auth_of, self._refused = auth_of, refused

    def get(
        self,
        path: str,
        params: Mapping[str, Any] | None = None,
        *,
        tries: int | None = None,
        deadline: float | None = None,
    ) -> Response:
        """Fetch one path: wait and retry within limits, then raise one of the `core.errors`.

        :param tries: how many tries network errors and 5xx get; `hooks.http.request_retry.TRIES` by default.
        """
        pairs = tuple((name, str(value)) for name, value in (params or {}).items() if value is not None)
        return self.send(Call("GET", path, pairs, deadline=deadline), tries=tries)

    def send(self, call: Call, *, tries: int | None = None) -> Response:
        """Send any request, in the way that `get` does."""
        attempt = retrying(self.clock, self.traffic, tries if call.may_repeat else 1)
        answer: Response = attempt(self._follow, call)
        return answer

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
                    waiting.append((call, pool.submit(self.send, call)))
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
        self._deadlines.close()
        self.budget.close()
        while self._sessions:
            self._sessions.pop().close()

    def _threads(self) -> ThreadPoolExecutor:
        with self._pooling:
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
            session.mount("http://", WatchedAdapter(pool_maxsize=1))
            session.mount("https://", WatchedAdapter(pool_maxsize=1))
            session.headers.update({"User-Agent": USER_AGENT, "Accept": "application/json", **self._auth})
            self._local.session = session
            self._sessions.append(session)
        return session

    def _follow(self, call: Call) -> Response:
        url = rebuild(self.base_url, call.target)
        for _ in range(MAX_REDIRECTS + 1):
            response = self._send_authenticated(url, call)
            if response.status not in REDIRECTS:
                return response
            if call.method not in SAFE_METHODS:
                raise UnexpectedPayload(
                    f"redirected ({response.status}); only requests that change nothing are sent elsewhere",
                    source=call.method,
                    identifier=response.path,
                )
            if not (location := response.headers.get("Location")):
                raise UnexpectedPayload("redirected to nowhere", source=call.method, identifier=response.path)
            url = rebuild(self.base_url, location)
        raise UnexpectedPayload(
            f"redirected more than {MAX_REDIRECTS} times", source=call.method, identifier=call.path
        )

    def _send_authenticated(self, url: str, call: Call) -> Response:
        """Send a request; if its token is refused, with another one of the owner, or as somebody else."""
        while True:
            try:
                return self._send(url, call)
            except TokenRefused as refusal:
                renewed = refusal.token and self._refused is not None and self._refused(refusal.token)
                if not renewed and not self.budget.exclude(refusal.identity):
                    raise

    def _send(self, url: str, call: Call) -> Response:
        started = self.clock.monotonic()
        shown = redact(call.path, tuple(self._secrets))
        what = f"{call.method} {shown}"
        resource = call.resource or self.resource
        with self.budget.admit(resource, cost=call.cost, identity=call.preferred_identity) as admission:
            self.traffic.add(requests=1)
            headers = self._headers(admission, call, what)
            answer, body = self._exchange(url, call, what, headers)
            if answer.status_code == 401:
                # Its headers may be about somebody else: whoever sends requests without a token.
                token = headers.get("Authorization", "").rpartition(" ")[2]
                raise TokenRefused(what, token, admission.identity)
            report = self._limits.read(answer.status_code, answer.headers, body)
            wait = admission.learn(report)
        self.on_request(shown, answer.status_code, len(body), self.clock.monotonic() - started)
        if report.refused:
            raise rate_limited(what, answer.status_code, wait)
        if answer.status_code == 304 and not {"If-None-Match", "If-Modified-Since"} & headers.keys():
            raise UnexpectedPayload("304 without a validator", source=call.method, identifier=shown)
        if answer.status_code >= 400:
            raise failure_of(answer.status_code, answer.headers, body, what, self.clock.now())
        found = Response(
            call.method, shown, answer.status_code, answer.headers, body, url, admission.identity
        )
        if (error := self._error_in(found)) is not None:
            raise error
        return found

    def _exchange(
        self, url: str, call: Call, what: str, headers: Mapping[str, str]
    ) -> tuple[requests.Response, bytes]:
        """Send a request once and receive the whole answer."""
        seconds = DEADLINE if call.deadline is None else call.deadline
        with self._deadlines.within(seconds) as watch:
            try:
                with self._session().request(
                    call.method,
                    url,
                    headers=dict(headers),
                    json=call.body,
                    timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
                    stream=True,
                    allow_redirects=False,
                ) as answer:
                    body = self._read(answer, what, call.max_body_bytes or self.max_body_bytes)
            except requests.exceptions.InvalidURL:
                method, _, path = what.partition(" ")
                raise UnexpectedPayload("not a valid address", source=method, identifier=path) from None
            except requests.RequestException as error:
                raise self._unavailable(error, what, overdue=watch.overdue) from None
        if watch.overdue:
            raise SourceUnavailable(f"{what}: no complete answer in {seconds:.0f} s", timed_out=True)
        return answer, body

    def _unavailable(
        self, error: requests.RequestException, what: str, *, overdue: bool
    ) -> SourceUnavailable:
        if overdue or isinstance(error, requests.Timeout):
            return SourceUnavailable(f"{what}: no answer in time", timed_out=True)
        broken = (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError)
        if isinstance(error, broken):
            return BrokenOff(f"{what}: the answer broke off")
        reason = redact(type(error).__name__, tuple(self._secrets))
        return SourceUnavailable(f"{what}: the connection failed ({reason})")

    def _headers(self, admission: Admission, call: Call, what: str) -> dict[str, str]:
        """Return the headers that only this request has: of its identity, its call, its validator."""
        try:
            own = dict(self._auth_of(admission.identity)) if self._auth_of else {}
        except AuthenticationError:
            raise TokenRefused(what, "", admission.identity) from None
        for value in own.values():
            # A token must not be shown either with its scheme or without.
            self._secrets |= {value, value.rpartition(" ")[2]}
        known = self._validator_for(call, admission.identity)
        return own | dict(call.headers) | (known.headers() if known else {})

    def _read(self, answer: requests.Response, what: str, most: int) -> bytes:
        parts: list[bytes] = []
        size = 0
        for part in answer.iter_content(CHUNK):
            parts.append(part)
            size += len(part)
            if size > most:
                self.traffic.add(received=size)
                method, _, path = what.partition(" ")
                raise TooLarge(f"larger than {most:,} bytes", source=method, identifier=path)
        self.traffic.add(received=size)
        return b"".join(parts)
