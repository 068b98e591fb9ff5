"""Merging rows into tables: COPY into a temporary table, then one statement that writes only what differs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any, TypeAlias

import psycopg
from psycopg import sql as compose
from psycopg.pq import TransactionStatus
from psycopg.types.json import Jsonb
from sqlalchemy import Table, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB

from core.errors import SCHEMA_MISSING, DatabaseFailure

PAGE = 2_000
"""Up to so many rows a merge is a page; beyond, a bulk load."""
Conn: TypeAlias = "psycopg.Connection[Any]"
Row: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class MergeCounts:
    """What a merge did."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0

    def __add__(self, other: MergeCounts) -> MergeCounts:
        """Add up several merges."""
        return MergeCounts(
            self.inserted + other.inserted, self.updated + other.updated, self.unchanged + other.unchanged
        )

    @property
    def written(self) -> int:
        """Rows that were inserted or updated."""
        return self.inserted + self.updated


@contextmanager
def scrubbed() -> Iterator[None]:
    """Re-raise a driver error without row values: drivers put them into DETAIL, CONTEXT and some messages."""
    try:
        yield
    except psycopg.Error as error:
        raise DatabaseFailure(describe(error), sqlstate=error.sqlstate or _lost(error)) from None


def describe(error: psycopg.Error) -> str:
    """Say what failed, where, without values."""
    diagnostics = error.diag
    where = ".".join(filter(None, (diagnostics.schema_name, diagnostics.table_name, diagnostics.column_name)))
    state = error.sqlstate or ""
    quotes_values = state[:2] in ("22", "23") or isinstance(error, psycopg.DataError)
    what = "" if quotes_values else (diagnostics.message_primary or (str(error) if not state else ""))
    parts = (
        type(error).__name__,
        f"[{state}]" if state else "",
        where and f"in {where}",
        diagnostics.constraint_name and f"constraint {diagnostics.constraint_name}",
        what and f": {what.splitlines()[0]}",
    )
    said = " ".join(part for part in parts if part).replace(" :", ":")
    return (
        f"{said}; bring the database to the newest schema: `make migrate`"
        if state in SCHEMA_MISSING
        else said
    )


def _lost(error: psycopg.Error) -> str | None:
    """Return 08006 for a connection that broke: it carries no sqlstate of its own."""
    return "08006" if isinstance(error, psycopg.OperationalError) else None


def merge(
    conn: Conn,
    table: Table,
    rows: Iterable[Row],
    *,
    key: Sequence[str] = (),
    insert_only: Sequence[str] = (),
    keep_if_empty: Sequence[str] = (),
    touch: Sequence[str] = (),
) -> MergeCounts:
    """Insert new rows, update rows that differ, leave the others untouched, and count all three.

    Of rows with the same key the last one wins. Runs in the caller's transaction.

    :param key: the natural key; by default the first unique key that the rows have.
    :param insert_only: columns that are set when a row is new and never changed.
    :param keep_if_empty: columns whose stored value survives an empty or null new one.
    :param touch: columns that are written along with a change but are none by themselves.
    """
    batch = list(rows)
    if not batch:
        return MergeCounts()
    columns = tuple(batch[0])
    keys = tuple(key) or natural_key(table, columns)
    batch = _last_of_each(batch, keys)
    plan = _plan(table, columns, keys, tuple(insert_only), tuple(keep_if_empty), tuple(touch))
    with scrubbed(), conn.cursor() as cursor:
        cursor.execute(plan.stage, prepare=False)
        if conn.info.transaction_status is not TransactionStatus.INTRANS:
            raise RuntimeError("merge runs inside the caller's transaction; begin one")
        with cursor.copy(plan.copy) as copy:
            for values in _values(table, columns, batch):
                copy.write_row(values)
        inserted, updated = _write(conn, cursor, plan, len(batch))
    return MergeCounts(inserted, updated, len(batch) - inserted - updated)


def _write(conn: Conn, cursor: psycopg.Cursor[Any], plan: _Plan, size: int) -> tuple[int, int]:
    """Write what is staged; return how many rows are new and how many were changed.

    A page goes by `ON CONFLICT`, in the order of its keys, so that tasks cannot deadlock. For bulk loads that
    costs a third more than a plain INSERT, so there the conflict is handled when it comes.
    Statements are never prepared: a plan made for a page would be kept for a stage of a million rows.
    """
    if size > PAGE:
        try:
            with conn.transaction():
                return cursor.execute(plan.bulk, prepare=False).fetchone() or (0, 0)
        except psycopg.errors.UniqueViolation:
            pass  # another session stored one of these rows meanwhile
    return cursor.execute(plan.merge, prepare=False).fetchone() or (0, 0)


def natural_key(table: Table, columns: Sequence[str]) -> tuple[str, ...]:
    """Return the first unique key of the table that the columns cover: the primary one, else a constraint."""
    unique = [c for c in table.constraints if isinstance(c, UniqueConstraint)]
    unique.sort(key=lambda c: str(c.name))
    for constraint in (table.primary_key, *unique):
        names = tuple(column.name for column in constraint.columns)
        if names and set(names) <= set(columns):
            return names
    raise ValueError(f"rows of {table.fullname} hold no complete unique key: {', '.join(columns)}")


def _last_of_each(batch: list[Row], keys: tuple[str, ...]) -> list[Row]:
    key_of = itemgetter(*keys)
    if len(set(map(key_of, batch))) == len(batch):
        return batch
    return list({key_of(row): row for row in batch}.values())


def _values(table: Table, columns: tuple[str, ...], batch: list[Row]) -> Iterator[tuple[Any, ...]]:
    json_columns = {c for c in columns if isinstance(table.c[c].type, JSONB)}
    if not json_columns and len(columns) > 1:
        yield from map(itemgetter(*columns), batch)
        return
    for row in batch:
        yield tuple(Jsonb(row[c]) if c in json_columns and row[c] is not None else row[c] for c in columns)


@dataclass(frozen=True)
class _Plan:
    stage: compose.Composed
    copy: compose.Composed
    merge: compose.Composed
    bulk: compose.Composed


MERGE = """
WITH written AS (
    INSERT INTO {table} AS t ({columns})
    SELECT {values}
      FROM {stage} AS s
      LEFT JOIN {table} AS t ON {same_key}
     WHERE t.{a_key} IS NULL {or_differs}
     ORDER BY {order}
        ON CONFLICT ({key}) {on_conflict}
    RETURNING (xmax = 0) AS is_new
)
SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new) FROM written
"""


BULK = """
WITH changed AS (
    UPDATE {table} AS t SET {assignments} FROM {stage} AS s WHERE {same_key} AND {differs} RETURNING 1
), added AS (
    INSERT INTO {table} ({columns})
    SELECT {columns} FROM {stage} AS s WHERE NOT EXISTS (SELECT FROM {table} AS t WHERE {same_key})
    RETURNING 1
)
SELECT (SELECT count(*) FROM added), (SELECT count(*) FROM changed)
"""


@lru_cache(maxsize=512)
def _plan(
    table: Table,
    columns: tuple[str, ...],
    keys: tuple[str, ...],
    insert_only: tuple[str, ...],
    keep_if_empty: tuple[str, ...],
    touch: tuple[str, ...],
) -> _Plan:
    name = compose.Identifier(table.schema or "public", table.name)
    digest = f"{hash((columns, keys)) & 0xFFFFFFFF:08x}"
    stage = compose.Identifier("pg_temp", f"stage_{table.schema}_{table.name}_{digest}"[:63])
    written = [c for c in columns if c not in keys and c not in insert_only]
    compared = [c for c in written if c not in touch]

    def listed(names: Iterable[str], prefix: str = "") -> compose.Composed:
        return compose.SQL(", ").join(_column(n, prefix) for n in names)

    def value(column: str, source: str) -> compose.Composable:
        """Return the value to store: the new one, unless it is empty and must not replace the old."""
        new = _column(column, source)
        if column not in keep_if_empty:
            return new
        template = "CASE WHEN {new} IS NULL OR {new}::text = '' THEN coalesce({old}, {new}) ELSE {new} END"
        return compose.SQL(template).format(new=new, old=_column(column, "t"))

    def differs(source: str) -> compose.Composed:
        stored = compose.SQL("({})").format(listed(compared, "t"))
        new = compose.SQL("({})").format(compose.SQL(", ").join(value(c, source) for c in compared))
        return compose.SQL("{} IS DISTINCT FROM {}").format(stored, new)

    def assignments(source: str) -> compose.Composed:
        pairs = (compose.SQL("{} = {}").format(compose.Identifier(c), value(c, source)) for c in written)
        return compose.SQL(", ").join(pairs)

    on_conflict: compose.Composable = compose.SQL("DO NOTHING")
    or_differs: compose.Composable = compose.SQL("")
    if compared:
        on_conflict = compose.SQL("DO UPDATE SET {} WHERE {}").format(
            assignments("excluded"), differs("excluded")
        )
        or_differs = compose.SQL("OR {}").format(differs("s"))
    key_itself = compose.SQL("{0} = t.{0}").format(compose.Identifier(keys[0]))
    same_key = compose.SQL(" AND ").join(
        compose.SQL("{} = {}").format(_column(k, "t"), _column(k, "s")) for k in keys
    )
    return _Plan(
        stage=compose.SQL(
            "CREATE TEMPORARY TABLE IF NOT EXISTS {stage} ON COMMIT DELETE ROWS"
            " AS SELECT {columns} FROM {table} WITH NO DATA; DELETE FROM {stage}"
        ).format(stage=stage, columns=listed(columns), table=name),
        copy=compose.SQL("COPY {} ({}) FROM STDIN").format(stage, listed(columns)),
        merge=compose.SQL(MERGE).format(
            table=name,
            stage=stage,
            columns=listed(columns),
            values=compose.SQL(", ").join(value(c, "s") for c in columns),
            same_key=same_key,
            a_key=compose.Identifier(keys[0]),
            or_differs=or_differs,
            order=listed(keys, "s"),
            key=listed(keys),
            on_conflict=on_conflict,
        ),
        bulk=compose.SQL(BULK).format(
            table=name,
            stage=stage,
            columns=listed(columns),
            same_key=same_key,
            assignments=assignments("s") if compared else key_itself,
            differs=differs("s") if compared else compose.SQL("false"),
        ),
    )


def _column(name: str, prefix: str = "") -> compose.Identifier:
    return compose.Identifier(prefix, name) if prefix else compose.Identifier(name)
