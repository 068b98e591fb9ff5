"""The database of the collected data: psycopg 3 connections from the Connection `bdc_postgres`."""

from __future__ import annotations

from typing import Any, cast

from airflow.providers.postgres.hooks.postgres import PostgresHook

from core.database import Conn
from core.errors import ConfigurationError, SourceUnavailable
from hooks.connections import require_connection

CONN_ID = "bdc_postgres"
KEEP_ALIVE = {
    "keepalives": 1,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
    "connect_timeout": 15,
    "application_name": "boost-data-collector",
}
"""Notice a dead peer within a minute, so that a lock does not outlive a machine that lost its power."""


class DatabaseHook(PostgresHook):
    """Airflow's PostgreSQL hook, with connections that notice a dead peer."""

    def __init__(self, bdc_postgres_conn_id: str = CONN_ID) -> None:
        super().__init__(postgres_conn_id=bdc_postgres_conn_id)
        self.conn_id = bdc_postgres_conn_id

    def connect(self) -> Conn:
        """Open a connection in autocommit; changes that belong together need `with conn.transaction()`."""
        import psycopg

        require_connection(self.conn_id, "Postgres")
        try:
            conn = cast(Conn, self.get_conn())
        except psycopg.OperationalError as error:
            raise self._unreachable(error) from None
        except psycopg.Error as error:
            raise ConfigurationError(
                f"Connection {self.conn_id} is invalid ({type(error).__name__}); correct it in the UI"
            ) from None
        conn.autocommit = True
        return conn

    def _create_connection(self, conn_args: dict[str, Any]) -> Any:
        return super()._create_connection({**KEEP_ALIVE, **conn_args})

    def _unreachable(self, error: Exception) -> Exception:
        reason = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
        lasting = ("authentication failed", "does not exist", "no password supplied")
        if any(word in reason for word in lasting):
            return ConfigurationError(
                f"Connection {self.conn_id} is refused by the server: {reason}; correct it in the UI"
            )
        return SourceUnavailable(f"the database of Connection {self.conn_id} cannot be reached: {reason}")
