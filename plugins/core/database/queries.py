"""Runs the project's SQL files by name: `fetch` rows, `execute` a change, read large results in `pages`.

These verbs keep row values out of error messages, so no SQL file is passed to `conn.execute` directly.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar, overload

from psycopg import sql as compose
from psycopg.rows import class_row, tuple_row

from core.database.connection import Conn, scrubbed
from core.sql import sql

R = TypeVar("R")
Values = Mapping[str, Any]
Parts = Mapping[str, compose.Composable]
PAGE_SIZE = 1_000


@overload
def fetch(
    conn: Conn,
    name: str,
    values: Values | None = None,
    *,
    parts: Parts | None = ...,
    prepare: bool | None = ...,
    binary: bool = ...,
) -> list[tuple[Any, ...]]: ...
@overload
def fetch(conn: Conn, name: str, values: Values | None = None, *, into: type[R]) -> list[R]: ...
def fetch(
    conn: Conn,
    name: str,
    values: Values | None = None,
    *,
    into: type[Any] | None = None,
    parts: Parts | None = None,
    prepare: bool | None = None,
    binary: bool = False,
) -> list[Any]:
    """Return the rows of `include/sql/<name>.sql`.

    :param into: a class whose parameters are the query's columns; without it, rows are tuples.
    :param parts: names of tables and columns, for a file that is a template with `{…}` in their place.
    :param prepare: never (False) for a query whose best plan depends on its values.
    :param binary: have the answer sent in binary, which is faster for large byte strings.
    """
    return _rows(conn, name, values, into, parts=parts, prepare=prepare, binary=binary)[0]


@overload
def fetch_one(conn: Conn, name: str, values: Values | None = None) -> tuple[Any, ...] | None: ...
@overload
def fetch_one(conn: Conn, name: str, values: Values | None = None, *, into: type[R]) -> R | None: ...
def fetch_one(conn: Conn, name: str, values: Values | None = None, *, into: type[Any] | None = None) -> Any:
    """Return the first row; None if there are no rows."""
    rows, _ = _rows(conn, name, values, into)
    return rows[0] if rows else None


def execute(conn: Conn, name: str, values: Values | None = None, *, parts: Parts | None = None) -> int:
    """Run `include/sql/<name>.sql` and return how many rows it changed; `parts` as for `fetch`."""
    with scrubbed():
        # A file without values may hold several statements, which cannot be prepared.
        return conn.execute(_statement(name, parts), values, prepare=None if values else False).rowcount


@overload
def pages(
    conn: Conn, name: str, values: Values | None = None, *, size: int = ..., after: Any = ...
) -> Iterator[list[tuple[Any, ...]]]: ...
@overload
def pages(
    conn: Conn,
    name: str,
    values: Values | None = None,
    *,
    size: int = ...,
    after: Any = ...,
    into: type[R],
) -> Iterator[list[R]]: ...
def pages(
    conn: Conn,
    name: str,
    values: Values | None = None,
    *,
    size: int = PAGE_SIZE,
    after: Any = "",
    into: type[Any] | None = None,
) -> Iterator[list[Any]]:
    """Yield the rows page by page, so that memory use stays constant; the caller may commit in between.

    The query takes `after` and `limit` besides its other values, orders by its first column, and returns the
    rows that come after `after`. (A server-side cursor would end with the caller's transaction.)

    :param after: what comes before every key, e.g. 0 if keys are numbers.
    """
    while True:
        rows, key = _rows(conn, name, {**(values or {}), "after": after, "limit": size}, into)
        if rows:
            yield rows
        if len(rows) < size:
            return
        after = getattr(rows[-1], key) if into else rows[-1][0]


def _rows(
    conn: Conn,
    name: str,
    values: Values | None,
    into: type[Any] | None,
    *,
    parts: Parts | None = None,
    prepare: bool | None = None,
    binary: bool = False,
) -> tuple[list[Any], str]:
    """Return the rows, and the name of their first column."""
    factory: Any = class_row(into) if into else tuple_row
    with scrubbed(), conn.cursor(row_factory=factory) as cursor:
        cursor.execute(_statement(name, parts), values, prepare=prepare, binary=binary)
        return cursor.fetchall(), cursor.description[0].name if cursor.description else ""


def _statement(name: str, parts: Parts | None) -> compose.SQL | compose.Composed:
    text = compose.SQL(sql(name))
    return text.format(**parts) if parts else text
