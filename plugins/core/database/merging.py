"""Merges rows into tables: COPY into a temporary table, then one statement that writes only what differs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, TypeAlias, TypedDict, Unpack

import psycopg
from psycopg import sql as compose
from psycopg.pq import TransactionStatus
from psycopg.types.json import Jsonb
from sqlalchemy import Table, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB

from core.database.connection import Conn, scrubbed
from core.database.merge_statements import MergeStatements, statements_for

ROWS_OF_A_PAGE = 2_000
"""A merge of more rows than this is a bulk load."""
Row: TypeAlias = Mapping[str, Any]
Key: TypeAlias = tuple[Any, ...]


@dataclass(frozen=True)
class MergeCounts:
    """How many rows a merge inserted, updated and left unchanged."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0

    def __add__(self, other: MergeCounts) -> MergeCounts:
        """Return the counts of both merges together."""
        return MergeCounts(
            self.inserted + other.inserted, self.updated + other.updated, self.unchanged + other.unchanged
        )

    @property
    def written(self) -> int:
        """The number of rows that were inserted or updated."""
        return self.inserted + self.updated


@dataclass(frozen=True)
class MergedKeys:
    """The natural keys of the rows that a merge wrote, which have to be exported or indexed again."""

    inserted: tuple[Key, ...] = ()
    updated: tuple[Key, ...] = ()
    unchanged: int = 0

    @property
    def written(self) -> tuple[Key, ...]:
        """The keys of rows that were inserted or updated."""
        return self.inserted + self.updated

    @property
    def counts(self) -> MergeCounts:
        """The number of keys of each kind."""
        return MergeCounts(len(self.inserted), len(self.updated), self.unchanged)


class MergeRules(TypedDict, total=False):
    """How a merge treats columns; every list may be left out.

    key: the natural key; by default the first unique key whose columns the rows have.
    insert_only: columns that are set when a row is inserted and never updated.
    keep_if_empty: columns whose stored value is kept if the new one is empty or null.
    touch: columns that are written together with others, but whose difference alone is no change.
    """

    key: Sequence[str]
    insert_only: Sequence[str]
    keep_if_empty: Sequence[str]
    touch: Sequence[str]


def merge(conn: Conn, table: Table, rows: Iterable[Row], **rules: Unpack[MergeRules]) -> MergeCounts:
    """Insert new rows, update rows that differ, leave the others untouched, and count all three.

    Of several rows with the same key the last one wins. Runs in the caller's transaction.
    """
    batch, statements = _prepare(table, rows, rules)
    if statements is None:
        return MergeCounts()
    answer = _run(conn, table, batch, statements, statements.count_page, statements.count_bulk)
    inserted, updated = answer[0]
    return MergeCounts(inserted, updated, len(batch) - inserted - updated)


def merge_keys(conn: Conn, table: Table, rows: Iterable[Row], **rules: Unpack[MergeRules]) -> MergedKeys:
    """Merge as `merge` does, and return the keys of the rows that were written."""
    batch, statements = _prepare(table, rows, rules)
    if statements is None:
        return MergedKeys()
    answer = _run(conn, table, batch, statements, statements.keys_page, statements.keys_bulk)
    inserted = tuple(tuple(values) for is_new, *values in answer if is_new)
    updated = tuple(tuple(values) for is_new, *values in answer if not is_new)
    return MergedKeys(inserted, updated, len(batch) - len(inserted) - len(updated))


def natural_key(table: Table, columns: Sequence[str]) -> tuple[str, ...]:
    """Return the first unique key that the columns cover: the primary key, else a unique constraint."""
    unique = [c for c in table.constraints if isinstance(c, UniqueConstraint)]
    unique.sort(key=lambda c: str(c.name))
    for constraint in (table.primary_key, *unique):
        names = tuple(column.name for column in constraint.columns)
        if names and set(names) <= set(columns):
            return names
    raise ValueError(f"rows of {table.fullname} have no complete unique key: {', '.join(columns)}")


def _prepare(
    table: Table, rows: Iterable[Row], rules: MergeRules
) -> tuple[list[Row], MergeStatements | None]:
    """Return the rows with each key once, and the statements that merge them; None if there are no rows."""
    batch = list(rows)
    if not batch:
        return batch, None
    columns = tuple(batch[0])
    keys = tuple(rules.get("key", ())) or natural_key(table, columns)
    statements = statements_for(
        table,
        columns,
        keys,
        tuple(rules.get("insert_only", ())),
        tuple(rules.get("keep_if_empty", ())),
        tuple(rules.get("touch", ())),
    )
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

    A page is written with `ON CONFLICT` in the order of its keys, so that tasks cannot deadlock. A bulk load
    is a plain INSERT, which is a third cheaper, and becomes a page only if it meets a conflict.
    Statements are never prepared: a plan made for a page would be reused for a stage of a million rows.
    """
    with scrubbed(), conn.cursor() as cursor:
        cursor.execute(statements.stage, prepare=False)
        if conn.info.transaction_status is not TransactionStatus.INTRANS:
            raise RuntimeError("merge needs a transaction; begin one with conn.transaction()")
        with cursor.copy(statements.copy) as copy:
            for values in _values(table, tuple(batch[0]), batch):
                copy.write_row(values)
        if len(batch) > ROWS_OF_A_PAGE:
            try:
                with conn.transaction():
                    return cursor.execute(bulk, prepare=False).fetchall()
            except psycopg.errors.UniqueViolation:
                pass  # another session has stored one of these rows meanwhile
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
