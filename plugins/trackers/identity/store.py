"""The only code that writes the `identity` schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from core.database import Conn, scrubbed
from core.sql import sql


def ensure_mailing_list_profiles(
    conn: Conn, senders: Sequence[Mapping[str, Any]], now: datetime
) -> dict[str, int]:
    """Make the profiles that do not exist and return the id of each sender key."""
    keys = [sender["sender_key"] for sender in senders]
    names = [sender["fallback_name"] for sender in senders]
    with scrubbed():
        conn.execute(sql("identity/add_mailing_list_profiles"), {"keys": keys, "names": names, "now": now})
        rows = conn.execute(sql("identity/find_mailing_list_profiles"), {"keys": keys}).fetchall()
    return dict(rows)


def save_sightings(
    conn: Conn,
    names: Sequence[Mapping[str, Any]],
    emails: Sequence[Mapping[str, Any]],
    *,
    source: str,
    now: datetime,
) -> None:
    """Add names and addresses to profiles; the first one seen names a profile, or is its primary address."""
    _each_column("identity/save_aliases", conn, names, ("profile_id", "name", "name_key", "first", "last"))
    columns = ("profile_id", "email", "email_key", "is_shared", "first")
    _each_column("identity/save_emails", conn, emails, columns, {"source": source, "now": now})
    profiles = {"profiles": sorted({row["profile_id"] for row in (*names, *emails)}), "now": now}
    for step in ("unset_primary_emails", "set_primary_emails", "name_mailing_list_profiles"):
        with scrubbed():
            conn.execute(sql(f"identity/{step}"), profiles)


def _each_column(
    name: str,
    conn: Conn,
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
    more: Mapping[str, Any] | None = None,
) -> None:
    """Run a statement that takes one array per column."""
    if rows:
        with scrubbed():
            conn.execute(
                sql(name), {column: [row[column] for row in rows] for column in columns} | dict(more or {})
            )
