"""Models and migrations make the same database, down to comments, checks and views."""

from __future__ import annotations

from typing import Any

import psycopg
from alembic import command
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from launcher.migrate import alembic_config
from launcher.postgres import EmbeddedServer
from trackers.schema import SCHEMAS, metadata

CATALOG = {
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
    "indexes": "SELECT schemaname, tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = ANY(%s) ORDER BY 1, 2, 3",
    "views": "SELECT schemaname, viewname, definition FROM pg_views WHERE schemaname = ANY(%s) ORDER BY 1, 2",
    "comments": """
        SELECT n.nspname, c.relname, obj_description(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = ANY(%s) AND c.relkind IN ('r', 'v') ORDER BY 1, 2""",
}


def catalog(url: str) -> dict[str, list[Any]]:
    with psycopg.connect(url) as conn:
        return {name: conn.execute(query, (list(SCHEMAS),)).fetchall() for name, query in CATALOG.items()}


def made_by_models(url: str) -> dict[str, list[Any]]:
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    with engine.begin() as connection:
        for schema in SCHEMAS:
            connection.execute(text(f"CREATE SCHEMA {schema}"))
        metadata.create_all(connection)
    engine.dispose()
    return catalog(url)


def test_models_and_migrations_agree(postgres: EmbeddedServer, migrated: str) -> None:
    postgres.ensure_database("from_models")
    expected = made_by_models(postgres.url("from_models"))
    found = catalog(migrated)
    for part, rows in expected.items():
        assert found[part] == rows, part
    assert len(found["columns"]) > 60


def test_up_down_and_up_again(postgres: EmbeddedServer) -> None:
    postgres.ensure_database("up_and_down")
    url = postgres.url("up_and_down")
    config = alembic_config(url)
    command.upgrade(config, "head")
    first = catalog(url)
    command.downgrade(config, "base")
    assert not any(catalog(url).values())
    command.upgrade(config, "head")
    assert catalog(url) == first


def test_every_table_and_schema_says_what_it_is(migrated: str) -> None:
    with psycopg.connect(migrated) as conn:
        comments = conn.execute(CATALOG["comments"], (list(SCHEMAS),)).fetchall()
    silent = [f"{schema}.{name}" for schema, name, comment in comments if not comment]
    assert silent == []
