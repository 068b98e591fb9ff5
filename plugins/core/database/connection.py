"""The connection type, and driver errors without row values."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import psycopg

from core.errors import SCHEMA_MISSING, DatabaseFailure

Conn: TypeAlias = "psycopg.Connection[Any]"
CONNECTION_LOST = "08006"
QUOTES_VALUES = ("22", "23")
"""Classes of SQLSTATE (data exception, constraint violation) whose messages quote the values of rows."""


@contextmanager
def scrubbed() -> Iterator[None]:
    """Re-raise a driver error without the row values in its DETAIL, CONTEXT and, for some errors, message."""
    try:
        yield
    except psycopg.Error as error:
        raise DatabaseFailure(describe(error), sqlstate=error.sqlstate or _lost(error)) from None


def describe(error: psycopg.Error) -> str:
    """Return what failed and where, without row values."""
    diagnostics = error.diag
    where = ".".join(filter(None, (diagnostics.schema_name, diagnostics.table_name, diagnostics.column_name)))
    state = error.sqlstate or ""
    quotes_values = state[:2] in QUOTES_VALUES or isinstance(error, psycopg.DataError)
    what = "" if quotes_values else (diagnostics.message_primary or (str(error) if not state else ""))
    parts = (
        type(error).__name__,
        f"[{state}]" if state else "",
        where and f"in {where}",
        diagnostics.constraint_name and f"constraint {diagnostics.constraint_name}",
        what and f": {what.splitlines()[0]}",
    )
    message = " ".join(part for part in parts if part).replace(" :", ":")
    remedy = "; bring the database to the newest schema: `make migrate`" if state in SCHEMA_MISSING else ""
    return f"{message}{remedy}"


def _lost(error: psycopg.Error) -> str | None:
    """Return a SQLSTATE for a lost connection, whose error has none."""
    return CONNECTION_LOST if isinstance(error, psycopg.OperationalError) else None
