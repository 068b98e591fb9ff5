"""Reads Airflow Connections; errors say where to create a missing one."""

from __future__ import annotations

from airflow.sdk import BaseHook, Connection
from airflow.sdk.exceptions import AirflowNotFoundException, AirflowRuntimeError

from core.errors import ConfigurationError


def require_connection(conn_id: str, kind: str) -> Connection:
    """Return the Connection, or raise an error that names it and its type."""
    try:
        return BaseHook.get_connection(conn_id)
    except (AirflowNotFoundException, AirflowRuntimeError):
        raise ConfigurationError(
            f"Connection {conn_id} does not exist; create it under Admin > Connections (type {kind}), or set "
            f"the environment variable AIRFLOW_CONN_{conn_id.upper()}"
        ) from None
