"""Models and migrations make the same database, down to comments, checks and views."""

from __future__ import annotations

from alembic import command

from launcher.migrate import alembic_config
from launcher.migration.catalog import catalog, create_from_models
from launcher.postgres import EmbeddedServer
from trackers.schema import SCHEMAS, metadata


def test_models_and_migrations_agree(postgres: EmbeddedServer, migrated: str) -> None:
    postgres.ensure_database("from_models")
    create_from_models(postgres.url("from_models"), metadata, SCHEMAS)
    expected = catalog(postgres.url("from_models"), SCHEMAS)
    found = catalog(migrated, SCHEMAS)
    for part, rows in expected.items():
        assert found[part] == rows, part
    assert len(found["columns"]) > 60


def test_up_down_and_up_again(postgres: EmbeddedServer) -> None:
    postgres.ensure_database("up_and_down")
    url = postgres.url("up_and_down")
    config = alembic_config(url)
    command.upgrade(config, "head")
    first = catalog(url, SCHEMAS)
    command.downgrade(config, "base")
    assert not any(catalog(url, SCHEMAS).values())
    command.upgrade(config, "head")
    assert catalog(url, SCHEMAS) == first


def test_every_table_and_schema_says_what_it_is(migrated: str) -> None:
    comments = catalog(migrated, SCHEMAS)["comments"]
    silent = [f"{schema}.{name}" for schema, name, comment in comments if not comment]
    assert silent == []
