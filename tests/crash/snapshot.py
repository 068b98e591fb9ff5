"""The content of the database by natural keys: two histories are equal if their snapshots are."""

from __future__ import annotations

from functools import cache
from typing import Any

from psycopg.rows import dict_row
from sqlalchemy import MetaData, Table, select
from sqlalchemy.dialects import postgresql

from core.database import Conn
from core.tables import OURS
from tests.crash.natural_keys import is_own_number, natural_key, value_of
from trackers.schema import metadata


def snapshot(conn: Conn, tables: MetaData = metadata) -> dict[str, list[Any]]:
    """Return the rows of every table, without numbers that the database gave and times of our own actions."""
    return {t.fullname: _rows(conn, t) for t in tables.sorted_tables if not t.info.get(OURS)}


def _rows(conn: Conn, table: Table) -> list[Any]:
    with conn.cursor(row_factory=dict_row) as cursor:
        return sorted(cursor.execute(query(table)), key=repr)  # type: ignore[arg-type]


@cache
def query(table: Table) -> str:
    """Return the query for a table's rows; raise NoNaturalKey if nothing but a number tells its rows apart."""
    row = table.alias()
    key = natural_key(table, row)
    shown = []
    for column in table.columns:
        if is_own_number(column):
            shown.append(key.label(column.name))
        elif not column.info.get(OURS):
            shown.append(value_of(column, row).label(column.name))
        elif column.nullable:
            shown.append(row.c[column.name].is_not(None).label(column.name))
    compiled = select(*shown).compile(
        dialect=postgresql.dialect(),
        compile_kwargs={"literal_binds": True},  # type: ignore[no-untyped-call]
    )
    return str(compiled)
