"""The only code that writes the `identity` schema."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from core.database import Conn, execute, fetch
from trackers.identity.accounts import Key, Sightings
from trackers.identity.platforms import Platform
from trackers.identity.statements import parts_of

Row = Mapping[str, Any]


def ensure_profiles(conn: Conn, platform: Platform, sightings: Sightings, now: datetime) -> dict[Key, int]:
    """Create the profiles that do not exist, and return the profile id of each key."""
    parts, keys = parts_of(platform), sightings.keys
    ids: dict[Key, int] = dict(fetch(conn, "identity/find_profiles", {"keys": keys}, parts=parts))
    if new := sightings.new_accounts(ids):
        execute(conn, "identity/add_profiles", {"accounts": Jsonb(new), "now": now}, parts=parts)
        added = {"keys": [account[platform.key] for account in new]}
        ids |= dict(fetch(conn, "identity/find_profiles", added, parts=parts))
    return ids


def save_sightings(
    conn: Conn,
    platform: Platform,
    sightings: Sightings,
    ids: Mapping[Key, int],
    *,
    source: str,
    now: datetime,
) -> None:
    """Store the names, addresses and values that are new, and what follows from them.

    Whoever writes aliases or addresses must hold the lock on their profiles that is taken here.
    """
    parts = parts_of(platform)
    names, emails, newest = sightings.names(ids), sightings.emails(ids), sightings.newest(ids)
    shown = {"names": Jsonb(names), "emails": Jsonb(emails), "newest": Jsonb(newest)}
    locked = [row[0] for row in fetch(conn, "identity/lock_profiles", shown, parts=parts)]
    if not locked:
        return
    profiles = {"profiles": locked, "now": now}
    if to_save := _of(locked, names):
        execute(conn, "identity/save_aliases", {"names": to_save})
    if to_save := _of(locked, newest):
        execute(conn, "identity/update_accounts", {"newest": to_save, "now": now}, parts=parts)
    if to_save := _of(locked, emails):
        execute(conn, "identity/save_emails", {"emails": to_save, "source": source, "now": now})
        execute(conn, "identity/unset_primary_emails", profiles)
        execute(conn, "identity/set_primary_emails", profiles)
    if platform.named_by_earliest:
        execute(conn, "identity/name_profiles", profiles, parts=parts)


def _of(profiles: Iterable[int], rows: Sequence[Row]) -> Jsonb | None:
    """Return the rows of these profiles; None if there are none."""
    wanted = set(profiles)
    found = [row for row in rows if row["profile_id"] in wanted]
    return Jsonb(found) if found else None
