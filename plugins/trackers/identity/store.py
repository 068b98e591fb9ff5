"""The only code that writes the `identity` schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from core.database import Conn, execute, fetch


def ensure_mailing_list_profiles(
    conn: Conn, senders: Sequence[Mapping[str, Any]], now: datetime
) -> dict[str, int]:
    """Create the profiles that do not exist, and return the profile id of each sender key."""
    keys = [sender["sender_key"] for sender in senders]
    names = [sender["fallback_name"] for sender in senders]
    execute(conn, "identity/add_mailing_list_profiles", {"keys": keys, "names": names, "now": now})
    rows = fetch(conn, "identity/find_mailing_list_profiles", {"keys": keys})
    return {sender_key: profile_id for sender_key, profile_id in rows}


def save_sightings(
    conn: Conn,
    names: Sequence[Mapping[str, Any]],
    emails: Sequence[Mapping[str, Any]],
    *,
    source: str,
    now: datetime,
) -> None:
    """Add names and addresses to profiles; the first of each becomes a profile's name and primary address."""
    _each_column("identity/save_aliases", conn, names, ("profile_id", "name", "name_key", "first", "last"))
    columns = ("profile_id", "email", "email_key", "is_shared", "first")
    _each_column("identity/save_emails", conn, emails, columns, {"source": source, "now": now})
    profiles = {"profiles": sorted({row["profile_id"] for row in (*names, *emails)}), "now": now}
    for step in ("unset_primary_emails", "set_primary_emails", "name_mailing_list_profiles"):
        execute(conn, f"identity/{step}", profiles)


def _each_column(
    name: str,
    conn: Conn,
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
    more: Mapping[str, Any] | None = None,
) -> None:
    """Run a statement that takes one array per column."""
    if rows:
        arrays = {column: [row[column] for row in rows] for column in columns}
        execute(conn, name, arrays | dict(more or {}))
