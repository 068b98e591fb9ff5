"""The contents of PostgreSQL's catalogs, so that two databases can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import psycopg
from sqlalchemy import MetaData, create_engine, text
from sqlalchemy.engine import make_url

Catalog: TypeAlias = "dict[str, list[tuple[Any, ...]]]"

CATALOG = {
    "schemas": "SELECT nspname FROM pg_namespace WHERE nspname = ANY(%s) ORDER BY 1",
    "columns": """
        SELECT n.nspname, c.relname, c.relkind, a.attname, format_type(a.atttypid, a.atttypmod), l.collname,
               a.attnotnull, a.attidentity, pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, a.attnum)
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
          LEFT JOIN pg_collation l ON l.oid = a.attcollation
          LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
         WHERE n.nspname = ANY(%s) AND c.relkind IN ('r', 'v', 'm') ORDER BY 1, 2, 4""",
    "constraints": """
        SELECT n.nspname, conrelid::regclass::text, conname, contype, pg_get_constraintdef(k.oid)
          FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace
         WHERE n.nspname = ANY(%s) ORDER BY 1, 2, 3""",
    "indexes": """
        SELECT schemaname, tablename, indexname, indexdef
          FROM pg_indexes WHERE schemaname = ANY(%s) ORDER BY 1, 2, 3""",
    "views": """
        SELECT schemaname, viewname, definition FROM pg_views WHERE schemaname = ANY(%s) ORDER BY 1, 2""",
    "comments": """
        SELECT n.nspname, c.relname, obj_description(c.oid)
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = ANY(%s) AND c.relkind IN ('r', 'v') ORDER BY 1, 2""",
}
OWN_SCHEMAS = """
SELECT nspname FROM pg_namespace
 WHERE nspname NOT IN ('public', 'information_schema') AND NOT starts_with(nspname, 'pg_')
 ORDER BY 1
"""


def schemas_of(url: str) -> list[str]:
    """Return the schemas that are neither PostgreSQL's own nor `public`."""
    with psycopg.connect(url) as conn:
        return [name for (name,) in conn.execute(OWN_SCHEMAS)]


def catalog(url: str, schemas: Sequence[str]) -> Catalog:
    """Return tables with their columns, constraints, indexes, views and comments."""
    with psycopg.connect(url) as conn:
        return {name: conn.execute(query, (list(schemas),)).fetchall() for name, query in CATALOG.items()}


def create_from_models(url: str, metadata: MetaData, schemas: Sequence[str]) -> None:
    """Create the tables and views of the models in an empty database, without migrations."""
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    with engine.begin() as connection:
        for schema in schemas:
            connection.execute(text(f'CREATE SCHEMA "{schema}"'))
        metadata.create_all(connection)
    engine.dispose()


def differences(found: Catalog, expected: Catalog) -> list[str]:
    """Return a line for each thing that only one of two databases has."""
    lines = []
    for part, rows in expected.items():
        lines += [f"{part}: {_line(row)} is missing" for row in rows if row not in found[part]]
        lines += [f"{part}: {_line(row)} is not in the models" for row in found[part] if row not in rows]
    return lines


def _line(row: tuple[Any, ...]) -> str:
    return " ".join(" ".join(str(value).split()) for value in row if value not in (None, ""))
