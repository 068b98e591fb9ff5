"""The Airflow Connections that a new system gets."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from psycopg.conninfo import conninfo_to_dict

from boost_provider import defaults

REAL = defaults()
"""Connections to services that need no account, with their public addresses."""


def sandbox_connections(base: str) -> dict[str, Any]:
    """Return the Connections to the sandbox, as its services declare them."""
    # Only the demo needs the sandbox, and its web framework is slow to import.
    from sandbox.services import merged, services

    return merged(service.connections(base) for service in services())


def postgres_connection(url: str) -> dict[str, Any]:
    """Return a Connection for a PostgreSQL URL."""
    parts = conninfo_to_dict(url)
    extra = {name: parts[name] for name in ("sslmode", "options") if parts.get(name)}
    return {
        "conn_type": "postgres",
        "host": parts.get("host") or "",
        "login": parts.get("user") or "postgres",
        "password": parts.get("password") or "",
        "port": int(str(parts["port"])) if parts.get("port") else None,
        "schema": parts.get("dbname") or "",
        "extra": json.dumps(extra) if extra else "",
    }


def write(file: Path, connections: dict[str, Any]) -> Path:
    """Write the file for `airflow connections import`; only its owner may read it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as target:
        json.dump(connections, target)
    return file
