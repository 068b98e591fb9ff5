"""The HTTP client of all sources: limits, retries, redirects, redaction, counting.

Errors contain only method and path. Redirects and links that an API returns are rebuilt on the Connection's
address. Hosts that the source declares are followed, too, but without credentials; others are refused.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

from core.budget import Admission, Budget, LimitReader, NoBudget
from core.clock import Clock, SystemClock
from core.errors import AuthenticationError, Closed, CollectorError, SourceUnavailable, UnexpectedPayload
from core.http_cache import Validator
from core.redaction import redact
from core.settings import Settings
from hooks.http.deadline import DEADLINE
from hooks.http.destinations import Destination, Destinations
from hooks.http.downloads import DOWNLOAD_DEADLINE, MAX_DOWNLOAD_BYTES, Download, FileSink
from hooks.http.failures import TokenRefused, failure_of, foreign_failure, rate_limited
from hooks.http.limit_headers import RateLimitHeaders
from hooks.http.messages import HARMLESS_HEADERS, SAFE_METHODS, Call, Response, Traffic
from hooks.http.request_retry import retrying
from hooks.http.transport import Answer, Transport

__all__ = ["ApiClient", "Call", "Download", "Response", "Traffic"]

MAX_BODY_BYTES = Settings.max_body_mb.default * 1024 * 1024
IN_FLIGHT = Settings.requests_in_flight.default
MAX_REDIRECTS = 3
DOWNLOAD_HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity"}
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
    :param foreign_hosts: other hosts to which links and redirects are followed, without credentials: exact
        names or `*.suffix`, with the port if it is not the usual one.
    :param trusted_hosts: other hosts that get the credentials as well.
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
        foreign_hosts: Iterable[str] = (),
        trusted_hosts: Iterable[str] = (),
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.clock = clock or SystemClock()
        self.budget = budget or NoBudget()
        self.on_request = on_request or (lambda path, status, size, seconds: None)
        self.in_flight = max(1, in_flight)
        self._in_flight = threading.BoundedSemaphore(self.in_flight)
        self.max_body_bytes = max_body_bytes
        self.resource = resource
        self.traffic = Traffic()
        self._auth = dict(auth or {})
        self._auth_of = auth_of
        self._limits = limits or RateLimitHeaders(self.clock)
        self._error_in = error_in or (lambda response: None)
        self._validator_for = validator_for or Call.validator_for
        self._destinations = Destinations(self.base_url, foreign_hosts, trusted_hosts)
        self._secrets: set[str] = set()
        self._keep_secret(self._auth)
        self._transport = Transport(self.traffic, self._secrets)
        self._refused: Callable[[str], bool] | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._closed = threading.Event()
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
        return self._attempt(call, None, tries)

    def download(
        self,
        call: Call,
        target: Path,
        *,
        max_bytes: int = MAX_DOWNLOAD_BYTES,
        deadline: float = DOWNLOAD_DEADLINE,
        tries: int | None = None,
    ) -> Download:
        """Save a body as a file, which is replaced only by a complete one; nothing of a failure remains.

        A download may take longer than a lease of the budget lasts, so the budget covers it only until its
        headers have arrived; `call.deadline` is the limit of that part.

        :param max_bytes: the largest body to accept.
        :param deadline: seconds that the whole answer may take.
        """
        sink = FileSink(target, max_bytes, deadline)
        answer = self._attempt(call, sink, tries)
        return Download(answer.status, answer.headers, answer.url, sink.size, sink.sha256)

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
        """Close threads and sockets, and end requests under way at once, with `Closed`."""
        self._closed.set()
        self._closed = threading.Event()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None
        self._transport.close()
        self.budget.close()

    def _threads(self) -> ThreadPoolExecutor:
        with self._pooling:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self.in_flight, thread_name_prefix="api")
            return self._pool

    def _attempt(self, call: Call, sink: FileSink | None, tries: int | None) -> Response:
        """Send a request as often as that can help, unless the client is closed meanwhile."""
        closed = self._closed

        def follow() -> Response:
            if closed.is_set():
                raise Closed(f"{call.method} {call.shown}: the client was closed")
            return self._follow(call, sink)

        attempt = retrying(
            self.clock,
            self.traffic,
            tries if call.may_repeat else 1,
            sleep=lambda seconds: self.clock.wait(closed, seconds),
        )
        answer: Response = attempt(follow)
        return answer

    def _follow(self, call: Call, sink: FileSink | None) -> Response:
        to = self._destinations.of(call.target)
        for _ in range(MAX_REDIRECTS + 1):
            if to.host and call.method not in SAFE_METHODS:
                raise UnexpectedPayload(
                    f"leads to {to.host}, where nothing is changed", source=call.method, identifier=call.shown
                )
            response = self._send_authenticated(to, call, sink)
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
            to = self._destinations.after(to, location)
        raise UnexpectedPayload(
            f"redirected more than {MAX_REDIRECTS} times", source=call.method, identifier=call.shown
        )

    def _send_authenticated(self, to: Destination, call: Call, sink: FileSink | None) -> Response:
        """Send a request; if its token is refused, with another one of the owner, or as somebody else."""
        while True:
            try:
                return self._send(to, call, sink)
            except TokenRefused as refusal:
                renewed = refusal.token and self._refused is not None and self._refused(refusal.token)
                if not renewed and not self.budget.exclude(refusal.identity):
                    raise

    def _send(self, to: Destination, call: Call, sink: FileSink | None) -> Response:
        url = to.url
        started = self.clock.monotonic()
        shown = redact(call.shown, tuple(self._secrets)) + (f" at {to.host}" if to.host else "")
        what = f"{call.method} {shown}"
        resource = call.resource or self.resource
        budget = self.budget if to.trusted else NoBudget()
        with ExitStack() as received:
            with (
                self._in_flight,
                budget.admit(resource, cost=call.cost, identity=call.preferred_identity) as admission,
                ExitStack() as opened,
            ):
                seconds = _seconds_for(call, admission)
                admitted = self.clock.monotonic()
                headers = self._headers(to, admission, call, what)
                if sink is not None:
                    headers = DOWNLOAD_HEADERS | headers
                # Another thread may have been looking up whose tokens there are.
                seconds -= self.clock.monotonic() - admitted
                if seconds <= 0:
                    raise SourceUnavailable(f"{what}: no token in time", timed_out=True)
                self.traffic.add(requests=1)
                answer = opened.enter_context(
                    self._transport.send(
                        call.method, url, what, headers=headers, body=call.body, seconds=seconds
                    )
                )
                saving = sink if answer.status == 200 else None
                body = b"" if saving else answer.read(call.max_body_bytes or self.max_body_bytes)
                if answer.status == 401 and to.trusted:
                    # Its headers may be about somebody else: whoever sends requests without a token.
                    token = headers.get("Authorization", "").rpartition(" ")[2]
                    raise TokenRefused(what, token, admission.identity)
                refused = None if to.host else self._learn(admission, answer, body, what)
                if saving:
                    received.enter_context(opened.pop_all())
            if saving:
                saving.save(answer)
        size = saving.size if saving else len(body)
        self.on_request(shown, answer.status, size, self.clock.monotonic() - started)
        if refused is not None:
            raise refused
        found = Response(call.method, shown, answer.status, answer.headers, body, url, admission.identity)
        if (error := self._error(to, found, headers, sink)) is not None:
            raise error
        return found

    def _learn(self, admission: Admission, answer: Answer, body: bytes, what: str) -> CollectorError | None:
        """Read what an answer says about limits before anything else; return the error of a refusal."""
        report = self._limits.read(answer.status, answer.headers, body)
        wait = admission.learn(report)
        return rate_limited(what, answer.status, wait) if report.refused else None

    def _error(
        self, to: Destination, found: Response, headers: Mapping[str, str], sink: FileSink | None
    ) -> CollectorError | None:
        """Return the error that an answer stands for."""
        status, what = found.status, f"{found.method} {found.path}"
        if status == 304 and not {"If-None-Match", "If-Modified-Since"} & headers.keys():
            return UnexpectedPayload("304 without a validator", source=found.method, identifier=found.path)
        if status >= 400:
            meaning = foreign_failure if to.host else failure_of
            return meaning(status, found.headers, found.body, what, self.clock.now())
        if sink is not None and status not in (200, 304, *REDIRECTS):
            return UnexpectedPayload(f"no file but {status}", source=found.method, identifier=found.path)
        return None if to.host or sink is not None else self._error_in(found)

    def _headers(self, to: Destination, admission: Admission, call: Call, what: str) -> dict[str, str]:
        """Return the headers of a request: of its identity, its call, its validator.

        A host without credentials gets only headers that cannot authenticate.
        """
        if not to.trusted:
            self._require_no_secret(to, call)
            return {name: value for name, value in call.headers.items() if name.lower() in HARMLESS_HEADERS}
        try:
            own = dict(self._auth_of(admission.identity)) if self._auth_of else {}
        except AuthenticationError:
            raise TokenRefused(what, "", admission.identity) from None
        self._keep_secret(own)
        known = self._validator_for(call, admission.identity)
        return self._auth | own | dict(call.headers) | (known.headers() if known else {})

    def _keep_secret(self, auth: Mapping[str, str]) -> None:
        """Note what must not be shown or sent elsewhere: each token with its scheme and without."""
        for value in auth.values():
            self._secrets |= {value, value.rpartition(" ")[2]}

    def _require_no_secret(self, to: Destination, call: Call) -> None:
        """Refuse an address in which a credential of ours would reach a host that must not have it."""
        address = unquote_plus(to.url)
        if any(len(secret) >= 4 and secret in address for secret in self._secrets | call.secrets):
            raise UnexpectedPayload(
                f"leads to {to.host} with a credential", source=call.method, identifier=call.shown
            )


def _seconds_for(call: Call, admission: Admission) -> float:
    """Return how long an answer may take; afterwards its place in the budget may be somebody else's."""
    if call.deadline is None:
        return min(DEADLINE, admission.longest)
    if call.deadline > admission.longest:
        raise ValueError(
            f"{call.method} {call.shown} may take {call.deadline:g} s, but the limits allow for requests of "
            f"{admission.longest:g} s; declare a longer longest_request, or download to a file"
        )
    return call.deadline
