"""Merging rows into tables: COPY into a temporary table, then one statement that writes only what differs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, TypeAlias

import psycopg
from psycopg import sql as compose
from psycopg.pq import TransactionStatus
from psycopg.types.json import Jsonb
from sqlalchemy import Table, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB

from core.database.connection import Conn, scrubbed
from core.database.merge_statements import MergeStatements, statements_for

ROWS_OF_A_PAGE = 2_000
"""Up to so many rows a merge is a page; beyond, a bulk load."""
Row: TypeAlias = Mapping[str, Any]
Key: TypeAlias = tuple[Any, ...]


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


@dataclass(frozen=True)
class MergedKeys:
    """Which rows a merge wrote, by their natural keys: what is to be exported or indexed again."""

    inserted: tuple[Key, ...] = ()
    updated: tuple[Key, ...] = ()
    unchanged: int = 0

    @property
    def written(self) -> tuple[Key, ...]:
        """Keys of rows that were inserted or updated."""
        return self.inserted + self.updated

    @property
    def counts(self) -> MergeCounts:
        """The same as numbers."""
        return MergeCounts(len(self.inserted), len(self.updated), self.unchanged)


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
    batch, statements = _prepare(table, rows, key, insert_only, keep_if_empty, touch)
    if statements is None:
        return MergeCounts()
    answer = _run(conn, table, batch, statements, statements.count_page, statements.count_bulk)
    inserted, updated = answer[0]
    return MergeCounts(inserted, updated, len(batch) - inserted - updated)


def merge_keys(
    conn: Conn,
    table: Table,
    rows: Iterable[Row],
    *,
    key: Sequence[str] = (),
    insert_only: Sequence[str] = (),
    keep_if_empty: Sequence[str] = (),
    touch: Sequence[str] = (),
) -> MergedKeys:
    """Merge as `merge` does, and return the keys of the rows that were written."""
    batch, statements = _prepare(table, rows, key, insert_only, keep_if_empty, touch)
    if statements is None:
        return MergedKeys()
    answer = _run(conn, table, batch, statements, statements.keys_page, statements.keys_bulk)
    inserted = tuple(tuple(values) for is_new, *values in answer if is_new)
    updated = tuple(tuple(values) for is_new, *values in answer if not is_new)
    return MergedKeys(inserted, updated, len(batch) - len(inserted) - len(updated))


def natural_key(table: Table, columns: Sequence[str]) -> tuple[str, ...]:
    """Return the first unique key of the table that the columns cover: the primary one, else a constraint."""
    unique = [c for c in table.constraints if isinstance(c, UniqueConstraint)]
    unique.sort(key=lambda c: str(c.name))
    for constraint in (table.primary_key, *unique):
        names = tuple(column.name for column in constraint.columns)
        if names and set(names) <= set(columns):
            return names
    raise ValueError(f"rows of {table.fullname} hold no complete unique key: {', '.join(columns)}")


def _prepare(
    table: Table,
    rows: Iterable[Row],
    key: Sequence[str],
    insert_only: Sequence[str],
    keep_if_empty: Sequence[str],
    touch: Sequence[str],
) -> tuple[list[Row], MergeStatements | None]:
    """Return the rows, each key once, and the statements that merge them; none for no rows."""
    batch = list(rows)
    if not batch:
        return batch, None
    columns = tuple(batch[0])
    keys = tuple(key) or natural_key(table, columns)
    statements = statements_for(table, columns, keys, tuple(insert_only), tuple(keep_if_empty), tuple(touch))
    return _last_of_each(batch, keys), statements


def _run(
    conn: Conn,
    table: Table,
    batch: list[Row],
    statements: MergeStatements,
    page: compose.Composed,
    bulk: compose.Composed,
) -> list[tuple[Any, ...]]:
    """Stage the rows and write them.

    A page goes by `ON CONFLICT`, in the order of its keys, so that tasks cannot deadlock. For bulk loads that
    costs a third more than a plain INSERT, so there the conflict is handled when it comes.
    Statements are never prepared: a plan made for a page would be kept for a stage of a million rows.
    """
    with scrubbed(), conn.cursor() as cursor:
        cursor.execute(statements.stage, prepare=False)
        if conn.info.transaction_status is not TransactionStatus.INTRANS:
            raise RuntimeError("merge runs inside the caller's transaction; begin one")
        with cursor.copy(statements.copy) as copy:
            for values in _values(table, tuple(batch[0]), batch):
                copy.write_row(values)
        if len(batch) > ROWS_OF_A_PAGE:
            try:
                with conn.transaction():
                    return cursor.execute(bulk, prepare=False).fetchall()
            except psycopg.errors.UniqueViolation:
                pass  # another session stored one of these rows meanwhile
        return cursor.execute(page, prepare=False).fetchall()


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
