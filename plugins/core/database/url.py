"""The database's address outside a task: a Connection in the environment, `DATABASE_URL`, or its parts."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from core.errors import ConfigurationError
from core.settings import Settings

DRIVER = "postgresql+psycopg"


def database_url(settings: Settings | None = None) -> URL:
    """Return the address for SQLAlchemy, or raise an error that names what to set."""
    known = settings or Settings()
    raw = known.postgres_connection or known.database_url
    if not raw and known.db_name:
        return _from_parts(known)
    if not raw:
        raise ConfigurationError("no database: set DATABASE_URL (postgresql://user:password@host/name)")
    return _from_json(raw) if raw.lstrip().startswith("{") else _from_uri(raw)


def _from_parts(known: Settings) -> URL:
    return URL.create(
        DRIVER,
        username=known.db_user or None,
        password=known.db_password or None,
        host=known.db_host,
        port=known.db_port,
        database=known.db_name,
        query={"sslmode": known.db_sslmode} if known.db_sslmode else {},
    )


def _from_uri(raw: str) -> URL:
    try:
        url = make_url(raw)
    except ArgumentError:
        raise ConfigurationError(
            "DATABASE_URL is not a valid address; write postgresql://user:password@host/name"
        ) from None
    if url.drivername.partition("+")[0] not in ("postgres", "postgresql"):
        raise ConfigurationError(f"DATABASE_URL names {url.drivername}; only PostgreSQL is supported")
    return url.set(drivername=DRIVER)


def _from_json(raw: str) -> URL:
    try:
        fields: dict[str, Any] = json.loads(raw)
    except ValueError:
        raise ConfigurationError("AIRFLOW_CONN_BDC_POSTGRES is not valid JSON") from None
    extra = fields.get("extra") or {}
    if isinstance(extra, str):
        extra = json.loads(extra)
    port = fields.get("port")
    return URL.create(
        DRIVER,
        username=fields.get("login") or None,
        password=fields.get("password") or None,
        host=fields.get("host") or None,
        port=int(port) if port else None,
        database=fields.get("schema") or None,
        query={name: str(value) for name, value in extra.items() if name in ("host", "sslmode", "options")},
    )
