"""What the hooks of all HTTP sources share: the Connection, one client, counting, closing.

A subclass declares its connection type and has one method per endpoint. Its constructor's first argument is
named as `conn_name_attr` says, because the Test button passes the id by that name; it only stores arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from threading import Event, RLock
from typing import ClassVar, TypeVar

from airflow.sdk import BaseHook, Connection
from airflow.sdk.log import mask_secret

from core.budget import BucketBudget, Budget, LimitReader, Limits, NoBudget, RateLeases, SharedBudget
from core.clock import Clock, SystemClock
from core.database import Conn
from core.errors import Closed, CollectorError, ConfigurationError
from core.http_cache import Validator
from hooks.api import IN_FLIGHT, MAX_BODY_BYTES, ApiClient, Call, Response, Traffic
from hooks.connections import require_connection
from hooks.http.admitted import AdmittedRequest
from hooks.http.bucket_headers import BucketHeaders
from hooks.http.limit_headers import RateLimitHeaders
from hooks.http.request_retry import retrying
from hooks.http.tokens import Tokens, split_tokens

Answer = TypeVar("Answer")


class SourceHook(BaseHook):
    """Base of the hooks that read an HTTP source.

    :param in_flight: how many requests overlap.
    """

    limits: ClassVar[Mapping[str, Limits]] = {}
    """What the source allows, by resource; `core` is that of a call that names none. Empty: no limits."""
    names_buckets: ClassVar[bool] = False
    """Whether answers name the limit that they count in, as Discord's do.

    A call's resource is then its route, a colon, and the id of its channel or server: `messages:1234`. Of
    `limits`, `core` holds what all routes share.
    """
    foreign_hosts: ClassVar[Sequence[str]] = ()
    """Other hosts to which links and redirects are followed, without credentials: archives, files.

    Exact names or `*.suffix`, with the port if it is not the usual one.
    """
    trusted_hosts: ClassVar[Sequence[str]] = ()
    """Other hosts that get the credentials as well, such as a host of private files."""
    conn_name_attr: str
    default_conn_name: str
    conn_type: str
    hook_name: str
    example_host: str
    """Address of the real service, for error messages."""

    def __init__(
        self,
        conn_id: str,
        *,
        clock: Clock | None = None,
        in_flight: int = IN_FLIGHT,
        max_body_bytes: int = MAX_BODY_BYTES,
    ) -> None:
        super().__init__()
        self.conn_id = conn_id
        self._clock, self._in_flight, self._max_body_bytes = clock, in_flight, max_body_bytes
        self._client: ApiClient | None = None
        self._budget: Budget | None = None
        self._own_traffic = Traffic()
        self._making, self._closed = RLock(), Event()
        self._connect: Callable[[], Conn] | None = None
        self._tokens = Tokens(self.tokens, self.owner_of)

    def use(self, connect: Callable[[], Conn] | None) -> None:
        """Share the source's limits with all tasks, through the database; called before the first request.

        Without it, as for the Test button, nothing is shared and the first token is used.

        :param connect: opens a connection that only the budget uses.
        """
        self._connect = connect

    def connection(self) -> Connection:
        """Return the Connection, or raise an error that says where to create it."""
        return require_connection(self.conn_id, self.hook_name)

    def base_url(self) -> str:
        """Return the service's address, or raise an error that says what the Connection needs."""
        connection = self.connection()
        host = (connection.host or "").strip().rstrip("/")
        if not host:
            raise ConfigurationError(
                f"Connection {self.conn_id} has no host; set it to the service's address, "
                f"for example {self.example_host}"
            )
        if "://" in host:
            return host
        port = f":{connection.port}" if connection.port else ""
        return f"{connection.schema or 'https'}://{host}{port}"

    def auth(self) -> Mapping[str, str]:
        """Return the headers that authenticate; none by default."""
        return {}

    def tokens(self) -> list[str]:
        """Return the tokens in the Connection's password; each is kept out of all logs."""
        found = split_tokens(self.connection().password)
        for token in found:
            mask_secret(token)
        return found

    def owner_of(self, token: str) -> str:
        """Return whom a token belongs to, for a source that can tell; by default each token is by itself.

        The answer names who is limited, such as a user's id, and never contains the token.
        """
        return blake2b(token.encode(), digest_size=8).hexdigest()

    def auth_of(self, owner: str) -> Mapping[str, str]:
        """Return the headers that authenticate an owner; those of a bearer token by default."""
        return {"Authorization": f"Bearer {self._tokens.of(owner)}"}

    def limit_reader(self) -> LimitReader:
        """Return the reader of what the source's answers say about limits."""
        clock = self._clock or SystemClock()
        return BucketHeaders(clock) if self.names_buckets else RateLimitHeaders(clock)

    def error_in(self, response: Response) -> CollectorError | None:
        """Return the error in an answer, for a source that reports errors with status 200."""
        return None

    def validator_for(self, call: Call, identity: str) -> Validator | None:
        """Return the validator of a call for an identity, for a source whose validators can be computed."""
        return call.validator_for(identity)

    def client(self) -> ApiClient:
        """Return the client, which is created when it is first needed; units side by side share it."""
        with self._making:
            if self._client is None:
                self._client = self._authenticated() if self.limits else self._plain(self.auth())
                self._client.budget = self.budget()
            return self._client

    def budget(self) -> Budget:
        """Return what admits all requests of this hook, whoever sends them."""
        with self._making:
            if self._budget is None:
                shared: Budget = NoBudget()
                if self.limits and self._connect is not None:
                    owners = self._tokens.owners() or [self.conn_id]
                    identities = [f"{self.conn_type}:{owner}" for owner in owners]
                    leases = RateLeases(self._connect, identities, self.limits)
                    shared = SharedBudget(leases, self.limits, self._clock)
                self._budget = BucketBudget(shared, self._clock) if self.names_buckets else shared
            return self._budget

    @contextmanager
    def admission(
        self, resource: str = "core", *, cost: int | None = None, identity: str = ""
    ) -> Iterator[AdmittedRequest]:
        """Admit a request that another library sends inside the `with` block; hand in its answer there.

        For libraries that send several requests at a time, `cost` says how many.
        """
        with self.budget().admit(resource, cost=cost, identity=identity) as admission:
            self._own_traffic.add(requests=1)
            what = f"{self.hook_name}, {resource}"
            yield AdmittedRequest(admission, self.limit_reader(), what, self._own_traffic)

    def send_admitted(
        self,
        send: Callable[[AdmittedRequest], Answer],
        resource: str = "core",
        *,
        cost: int | None = None,
        identity: str = "",
        tries: int = 1,
    ) -> Answer:
        """Let another library send a request, and send it again if a limit refused it.

        :param send: sends it once, and hands its answer to `AdmittedRequest.answered`.
        :param tries: how many tries failures of the source get, for requests that may be repeated.
        """
        clock, closed = self._clock or SystemClock(), self._closed

        def attempt() -> Answer:
            if closed.is_set():
                raise Closed(f"{self.hook_name}, {resource}: the hook was closed")
            with self.admission(resource, cost=cost, identity=identity) as request:
                return send(request)

        repeat = retrying(clock, self._own_traffic, tries, sleep=lambda seconds: clock.wait(closed, seconds))
        answer: Answer = repeat(attempt)
        return answer

    def token(self, identity: str) -> str:
        """Return a token of the identity that a request is admitted for, for libraries that authenticate."""
        return self._tokens.of(self._owner(identity) or self._tokens.owners()[0])

    def _plain(self, auth: Mapping[str, str]) -> ApiClient:
        """Return a client that shares no limits."""
        return ApiClient(
            self.base_url(),
            auth,
            self._clock,
            in_flight=self._in_flight,
            max_body_bytes=self._max_body_bytes,
            limits=self.limit_reader(),
            error_in=self.error_in,
            validator_for=self.validator_for,
            foreign_hosts=self.foreign_hosts,
            trusted_hosts=self.trusted_hosts,
        )

    def _authenticated(self) -> ApiClient:
        """Return a client that sends each request as one of the tokens' owners, within the shared limits."""
        owners = self._tokens.owners()
        client = self._plain(self.auth())
        if owners:
            client.authenticate(
                lambda identity: self.auth_of(self._owner(identity) or owners[0]), self._tokens.refused
            )
        return client

    def _owner(self, identity: str) -> str:
        return identity.removeprefix(f"{self.conn_type}:")

    @property
    def requests(self) -> int:
        """How many requests were sent so far."""
        return self._own_traffic.requests + (self._client.traffic.requests if self._client else 0)

    @property
    def received_bytes(self) -> int:
        """How many bytes of bodies were received so far."""
        own = self._own_traffic.received_bytes
        return own + (self._client.traffic.received_bytes if self._client else 0)

    def close(self) -> None:
        """Close threads and sockets, and give back what was not used of the limits."""
        self._closed.set()
        self._closed = Event()
        if self._client is not None:
            self._client.close()
        elif self._budget is not None:
            self._budget.close()
