"""What the hooks of all HTTP sources share: the Connection, one client, counting, closing.

A subclass declares its connection type and has one method per endpoint. Its constructor's first argument is
named as `conn_name_attr` says, because the Test button passes the id by that name; it only stores arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import blake2b
from threading import RLock
from typing import ClassVar

from airflow.sdk import BaseHook, Connection
from airflow.sdk.log import mask_secret

from core.budget import LimitReader, Limits, RateLeases, SharedBudget
from core.clock import Clock, SystemClock
from core.database import Conn
from core.errors import CollectorError, ConfigurationError
from core.http_cache import Validator
from hooks.api import IN_FLIGHT, MAX_BODY_BYTES, ApiClient, Call, Response
from hooks.connections import require_connection
from hooks.http.limit_headers import RateLimitHeaders
from hooks.http.tokens import Tokens, split_tokens


class SourceHook(BaseHook):
    """Base of the hooks that read an HTTP source.

    :param in_flight: how many requests overlap.
    """

    limits: ClassVar[Mapping[str, Limits]] = {}
    """What the source allows, by resource; `core` is that of a call that names none. Empty: no limits."""
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
        self._creating = RLock()
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
        return RateLimitHeaders(self._clock or SystemClock())

    def error_in(self, response: Response) -> CollectorError | None:
        """Return the error in an answer, for a source that reports errors with status 200."""
        return None

    def validator_for(self, call: Call, identity: str) -> Validator | None:
        """Return the validator of a call for an identity, for a source whose validators can be computed."""
        return call.validator_for(identity)

    def client(self) -> ApiClient:
        """Return the client, which is created when it is first needed; units side by side share it."""
        with self._creating:
            if self._client is None:
                self._client = self._authenticated() if self.limits else self._plain(self.auth())
            return self._client

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
        )

    def _authenticated(self) -> ApiClient:
        """Return a client that sends each request as one of the tokens' owners, within the shared limits."""
        owners = self._tokens.owners()
        client = self._plain(self.auth())
        if not owners:
            owners = [self.conn_id]
        else:
            client.authenticate(
                lambda identity: self.auth_of(self._owner(identity) or owners[0]), self._tokens.refused
            )
        if self._connect is not None:
            identities = [f"{self.conn_type}:{owner}" for owner in owners]
            client.budget = SharedBudget(
                RateLeases(self._connect, identities, self.limits), self.limits, self._clock
            )
        return client

    def _owner(self, identity: str) -> str:
        return identity.removeprefix(f"{self.conn_type}:")

    @property
    def requests(self) -> int:
        """How many requests were sent so far."""
        return self._client.traffic.requests if self._client else 0

    @property
    def received_bytes(self) -> int:
        """How many bytes of bodies were received so far."""
        return self._client.traffic.received_bytes if self._client else 0

    def close(self) -> None:
        """Close threads and sockets."""
        if self._client is not None:
            self._client.close()
