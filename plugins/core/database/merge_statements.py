"""The SQL of a merge, composed once for each table and set of columns. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

from psycopg import sql as compose
from sqlalchemy import Table

LONGEST_NAME = 63
"""PostgreSQL silently cuts longer names."""

STAGE = """
CREATE TEMPORARY TABLE IF NOT EXISTS {stage} ON COMMIT DELETE ROWS
    AS SELECT {columns} FROM {table} WITH NO DATA;
DELETE FROM {stage}
"""

PAGE = """
WITH written AS (
    INSERT INTO {table} AS t ({columns})
    SELECT {values}
      FROM {stage} AS s
      LEFT JOIN {table} AS t ON {same_key}
     WHERE t.{a_key} IS NULL {or_differs}
     ORDER BY {order}
        ON CONFLICT ({key}) {on_conflict}
    RETURNING (xmax = 0) AS is_new, {returned}
)
"""
COUNT_PAGE = "SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new) FROM written"
KEYS_PAGE = "SELECT is_new, {key} FROM written"

BULK = """
WITH changed AS (
    UPDATE {table} AS t SET {assignments} FROM {stage} AS s WHERE {same_key} AND {differs}
    RETURNING {returned}
), added AS (
    INSERT INTO {table} AS t ({columns})
    SELECT {columns} FROM {stage} AS s WHERE NOT EXISTS (SELECT FROM {table} AS t WHERE {same_key})
    RETURNING {returned}
)
"""
COUNT_BULK = "SELECT (SELECT count(*) FROM added), (SELECT count(*) FROM changed)"
KEYS_BULK = "SELECT true, {key} FROM added UNION ALL SELECT false, {key} FROM changed"


@dataclass(frozen=True)
class MergeStatements:
    """The statements of a merge: `stage` and `copy`, then one of the others.

    Which one depends on the number of rows, and on whether the caller wants counts or keys.
    """

    stage: compose.Composed
    copy: compose.Composed
    count_page: compose.Composed
    count_bulk: compose.Composed
    keys_page: compose.Composed
    keys_bulk: compose.Composed


def stage_name(table: Table, columns: tuple[str, ...]) -> str:
    """Return the name of the temporary table for rows with these columns.

    It begins with a digest, so that names differ even if PostgreSQL cuts them.
    """
    shape = "\0".join((table.fullname, *columns))
    digest = blake2b(shape.encode(), digest_size=8).hexdigest()
    return f"stage_{digest}_{table.schema}_{table.name}"[:LONGEST_NAME]


@lru_cache(maxsize=512)
def statements_for(
    table: Table,
    columns: tuple[str, ...],
    keys: tuple[str, ...],
    insert_only: tuple[str, ...],
    keep_if_empty: tuple[str, ...],
    touch: tuple[str, ...],
) -> MergeStatements:
    """Return the statements; `core.database.merge` documents the arguments."""
    written = [c for c in columns if c not in keys and c not in insert_only]
    compared = [c for c in written if c not in touch]

    def value(column: str, source: str) -> compose.Composable:
        """Return the value to store: the new one, unless it is empty and must not replace the old."""
        new = _column(column, source)
        if column not in keep_if_empty:
            return new
        template = "CASE WHEN {new} IS NULL OR {new}::text = '' THEN coalesce({old}, {new}) ELSE {new} END"
        return compose.SQL(template).format(new=new, old=_column(column, "t"))

    def differs(source: str) -> compose.Composable:
        if not compared:
            return compose.SQL("false")
        stored = compose.SQL("({})").format(_listed(compared, "t"))
        new = compose.SQL("({})").format(compose.SQL(", ").join(value(c, source) for c in compared))
        return compose.SQL("{} IS DISTINCT FROM {}").format(stored, new)

    def assignments(source: str) -> compose.Composable:
        if not compared:
            return compose.SQL("{0} = t.{0}").format(compose.Identifier(keys[0]))
        pairs = (compose.SQL("{} = {}").format(compose.Identifier(c), value(c, source)) for c in written)
        return compose.SQL(", ").join(pairs)

    on_conflict: compose.Composable = compose.SQL("DO NOTHING")
    if compared:
        on_conflict = compose.SQL("DO UPDATE SET {} WHERE {}").format(
            assignments("excluded"), differs("excluded")
        )
    parts = {
        "table": compose.Identifier(table.schema or "public", table.name),
        "stage": compose.Identifier("pg_temp", stage_name(table, columns)),
        "columns": _listed(columns),
        "values": compose.SQL(", ").join(value(c, "s") for c in columns),
        "same_key": compose.SQL(" AND ").join(
            compose.SQL("{} = {}").format(_column(k, "t"), _column(k, "s")) for k in keys
        ),
        "a_key": compose.Identifier(keys[0]),
        "or_differs": compose.SQL("OR {}").format(differs("s")) if compared else compose.SQL(""),
        "order": _listed(keys, "s"),
        "key": _listed(keys),
        "on_conflict": on_conflict,
        "assignments": assignments("s"),
        "differs": differs("s"),
    }

    def statement(template: str, returned: compose.Composable) -> compose.Composed:
        return compose.SQL(template).format(**parts, returned=returned)

    counted, keyed = compose.SQL("1"), _listed(keys, "t")
    return MergeStatements(
        stage=statement(STAGE, counted),
        copy=compose.SQL("COPY {} ({}) FROM STDIN").format(parts["stage"], parts["columns"]),
        count_page=statement(PAGE + COUNT_PAGE, counted),
        count_bulk=statement(BULK + COUNT_BULK, counted),
        keys_page=statement(PAGE + KEYS_PAGE, keyed),
        keys_bulk=statement(BULK + KEYS_BULK, keyed),
    )


def _listed(names: Iterable[str], prefix: str = "") -> compose.Composed:
    return compose.SQL(", ").join(_column(name, prefix) for name in names)


def _column(name: str, prefix: str = "") -> compose.Identifier:
    return compose.Identifier(prefix, name) if prefix else compose.Identifier(name)
