"""What the hooks of all HTTP sources share: the Connection, one client, counting, closing.

A subclass declares its connection type and has one method per endpoint. Its constructor's first argument is
named as `conn_name_attr` says, because the Test button passes the id by that name; it only stores arguments.
"""

from __future__ import annotations

from collections.abc import Mapping

from airflow.sdk import BaseHook, Connection

from core.clock import Clock
from core.errors import ConfigurationError
from hooks.api import IN_FLIGHT, MAX_BODY_BYTES, ApiClient
from hooks.connections import require_connection


class SourceHook(BaseHook):
    """Base of the hooks that read an HTTP source.

    :param in_flight: how many requests overlap.
    """

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

    def client(self) -> ApiClient:
        """Return the client, which is created when it is first needed."""
        if self._client is None:
            self._client = ApiClient(
                self.base_url(),
                self.auth(),
                self._clock,
                in_flight=self._in_flight,
                max_body_bytes=self._max_body_bytes,
            )
        return self._client

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
