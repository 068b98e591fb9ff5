"""The content of the database by natural keys: two histories are equal if their snapshots are."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Identity, Table

from core.database import Conn
from trackers.schema import metadata

LEFT_OUT = {"core.run"}
CLOCK_COLUMNS = {
    "created_at",
    "updated_at",
    "fetched_at",
    "finished_at",
    "started_at",
    "seen_at",
    "renamed_at",
    "last_attempt_at",
    "next_attempt_at",
}
"""Times of our own actions, which a crash may change."""
FLAG_COLUMNS = {"deleted_at", "synced_at", "final_sync_at"}
"""Only whether they are set is compared."""
COUNTERS = {
    ("core.checkpoint", "revision"),
    ("pinecone.sync_status", "counts"),
    ("pinecone.failed_item", "attempts"),
}
PROFILE = "(SELECT p.sender_key FROM identity.mailing_list_profile AS p WHERE p.profile_id = {})"
PARENTS = {"profile_id": PROFILE, "mailing_list_profile_id": PROFILE}
"""Columns that refer to a row by its number; the snapshot has that row's natural key instead."""


def snapshot(conn: Conn) -> dict[str, list[Any]]:
    """Return the rows of every table, without surrogate keys."""
    return {t.fullname: _rows(conn, t) for t in metadata.sorted_tables if t.fullname not in LEFT_OUT}


def _rows(conn: Conn, table: Table) -> list[Any]:
    shown = []
    for column in table.columns:
        name = f"t.{column.name}"
        if isinstance(column.server_default, Identity):
            if table.fullname == "identity.profile":
                shown.append(PROFILE.format(name))
        elif column.name in FLAG_COLUMNS:
            shown.append(f"{name} IS NOT NULL")
        elif column.name in PARENTS:
            shown.append(PARENTS[column.name].format(name))
        elif column.name not in CLOCK_COLUMNS and (table.fullname, column.name) not in COUNTERS:
            shown.append(name)
    query = f"SELECT to_jsonb(x) FROM (SELECT {', '.join(f'{c} AS c{i}' for i, c in enumerate(shown))}"
    rows = conn.execute(f"{query} FROM {table.fullname} AS t) AS x").fetchall()
    return sorted((row[0] for row in rows), key=repr)
