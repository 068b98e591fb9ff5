"""What other trackers may use: the profiles of accounts, created if they do not exist.

All calls run in the caller's transaction; keys are sorted, so that trackers cannot deadlock.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from core.database import Conn
from trackers.identity import store
from trackers.identity.normal_forms import email_key, is_shared, name_key, without_via

__all__ = ["READABLE", "MailSender", "ensure_mailing_list_profiles"]

READABLE = {
    "identity.mailing_list_profile": "what a sender is called now, and since when: part of a document's text",
}
"""Tables that other trackers may read in SQL, and what for."""

UNKNOWN_SENDER = "Unknown Sender"
LONGEST_KEY = 600


@dataclass(frozen=True)
class MailSender:
    """Name and address as one message shows them, both cleaned.

    :param seen_at: the message's own date.
    """

    name: str
    address: str
    seen_at: datetime | None = None

    @property
    def display_name(self) -> str:
        """The name without Mailman's tail; empty if there is none."""
        return without_via(self.name)[:255]

    @property
    def key(self) -> str:
        """Who this is: the address; a shared address with the name; else the name."""
        return _sender_key(self.display_name, self.address)

    @property
    def fallback_name(self) -> str:
        """What to call a sender without a name: the local part of the address."""
        return self.address.partition("@")[0][:255] or UNKNOWN_SENDER


@lru_cache(maxsize=4096)
def _sender_key(display_name: str, address: str) -> str:
    """Return the key of a sender; most messages are of people who write many."""
    usable = email_key(address)
    if usable and not is_shared(address):
        return f"email:{usable}"[:LONGEST_KEY]
    name = name_key(display_name) or display_name.casefold()
    if usable:
        return f"shared:{usable}:{name}"[:LONGEST_KEY]
    return f"name:{name or UNKNOWN_SENDER.casefold()}"[:LONGEST_KEY]


def ensure_mailing_list_profiles(
    conn: Conn, batch: Iterable[MailSender], *, source: str, now: datetime
) -> dict[str, int]:
    """Return the profile id of each sender's key; save names and addresses that were not known.

    The result does not depend on the order in which messages arrive: a profile is called by the name of
    its earliest sighting, and that sighting's address is its primary one.
    """
    senders = sorted(set(batch), key=lambda s: (s.key, s.display_name, s.address))
    if not senders:
        return {}
    first_of_key = {s.key: s for s in reversed(senders)}
    made = [
        {"sender_key": key, "fallback_name": sender.display_name or sender.fallback_name}
        for key, sender in sorted(first_of_key.items())
    ]
    ids = store.ensure_mailing_list_profiles(conn, made, now)
    store.save_sightings(conn, _names(senders, ids), _emails(senders, ids), source=source, now=now)
    return ids


def _names(senders: list[MailSender], ids: dict[str, int]) -> list[dict[str, Any]]:
    spans: dict[tuple[int, str], list[datetime]] = {}
    for sender in senders:
        if sender.display_name:
            moments = spans.setdefault((ids[sender.key], sender.display_name), [])
            moments += [sender.seen_at] if sender.seen_at else []
    return [
        {
            "profile_id": profile_id,
            "name": name,
            "name_key": name_key(name)[:255],
            "first": min(moments, default=None),
            "last": max(moments, default=None),
        }
        for (profile_id, name), moments in sorted(spans.items())
    ]


def _emails(senders: list[MailSender], ids: dict[str, int]) -> list[dict[str, Any]]:
    first_seen: dict[tuple[int, str], list[datetime]] = {}
    for sender in senders:
        if sender.address:
            moments = first_seen.setdefault((ids[sender.key], sender.address[:255]), [])
            moments += [sender.seen_at] if sender.seen_at else []
    return [
        {
            "profile_id": profile_id,
            "email": address,
            "email_key": email_key(address)[:255],
            "is_shared": is_shared(address),
            "first": min(moments, default=None),
        }
        for (profile_id, address), moments in sorted(first_seen.items())
    ]
