"""Runs the migrations, in one transaction, over the address that core.database.url finds."""

from __future__ import annotations

from alembic import context
from sqlalchemy import create_engine, pool

from core.database.url import database_url
from trackers.schema import metadata


def run() -> None:
    url = context.config.attributes.get("url") or database_url()
    engine = create_engine(url, poolclass=pool.NullPool)
    with engine.begin() as connection:
        context.configure(
            connection=connection,
            target_metadata=metadata,
            include_schemas=True,
            transactional_ddl=True,
            transaction_per_migration=False,
        )
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


run()
