"""Runs the migrations, in one transaction, over the address that core.database.url finds."""

from __future__ import annotations

from typing import Any

from alembic import context
from sqlalchemy import create_engine, pool
from sqlalchemy.types import TypeEngine

from core.database.url import database_url
from trackers.schema import metadata


def other_collation(
    context: Any, stored: Any, wanted: Any, stored_type: TypeEngine[Any], wanted_type: TypeEngine[Any]
) -> bool | None:
    """See a collation that only one of two types has; leave the rest to Alembic."""
    names = [getattr(kind, "collation", None) for kind in (stored_type, wanted_type)]
    return True if names[0] != names[1] else None


def run() -> None:
    url = context.config.attributes.get("url") or database_url()
    engine = create_engine(url, poolclass=pool.NullPool)
    with engine.begin() as connection:
        context.configure(
            connection=connection,
            target_metadata=metadata,
            include_schemas=True,
            compare_type=other_collation,
            compare_server_default=True,
            transactional_ddl=True,
            transaction_per_migration=False,
        )
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


run()
