"""What other trackers may use: the profiles of accounts, created if they do not exist.

A tracker declares the table of its platform's accounts with `declare_platform` in its `tables.py`, and calls
`ensure_profiles` in the transaction of the rows that refer to the profiles.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from core.database import Conn
from trackers.identity import store
from trackers.identity.accounts import Account, Key, Sightings
from trackers.identity.normal_forms import email_key, is_shared, name_key, without_via
from trackers.identity.platforms import READABLE, Platform, declare_platform

__all__ = [
    "READABLE",
    "Account",
    "Platform",
    "declare_platform",
    "email_key",
    "ensure_profiles",
    "is_shared",
    "name_key",
    "without_via",
]


def ensure_profiles(
    conn: Conn, platform: Platform, accounts: Iterable[Account], *, source: str, now: datetime
) -> dict[Key, int]:
    """Return the profile id of each account's key; store accounts, names and addresses that are new.

    The result does not depend on the order in which payloads arrive: values are those of the newest sighting,
    the primary address is that of the earliest. Tasks cannot deadlock if each calls it once per transaction.

    :param source: the tracker that saw the accounts.
    """
    sightings = Sightings(platform, accounts)
    if not sightings.keys:
        return {}
    ids = store.ensure_profiles(conn, platform, sightings, now)
    store.save_sightings(conn, platform, sightings, ids, source=source, now=now)
    return ids
