"""The only code that writes the `mailing_list` schema."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from core import raw
from core.database import Conn, MergeCounts, execute, fetch, fetch_one, merge, pages
from trackers.identity.api import ensure_profiles
from trackers.mailing_list import tables
from trackers.mailing_list.parse import Listed, Message
from trackers.mailing_list.senders import senders_of

SOURCE = "mailing_list"
EMAIL, INDEX_ITEM, WITHOUT_HASH, IMPORTED = "email", "index_item", "email_without_hash", "imported"
"""The kinds of raw payload."""
MISSING_PER_PAGE = 500


@dataclass(frozen=True)
class KnownMessage:
    """The fields of a stored message that the index can change.

    :param suspect: whether its body may have been changed by an export.
    """

    message_hash: str
    thread_hash: str
    parent_hash: str
    subject: str
    deleted: bool
    listed: bool
    suspect: bool

    def differs(self, listed: Listed) -> bool:
        """Return whether the index item differs from the stored message."""
        shown = (listed.thread_hash, listed.parent_hash, listed.subject)
        return (self.thread_hash, self.parent_hash, self.subject) != shown or self.deleted or not self.listed


def raw_key(list_name: str, message_hash: str) -> str:
    """Return the key of a message's raw payload."""
    return f"{list_name}/{message_hash}"


def find_known(conn: Conn, list_name: str, hashes: Iterable[str]) -> dict[str, KnownMessage]:
    """Return those of these messages that are stored, by hash."""
    query = {"list_name": list_name, "hashes": list(hashes)}
    rows = fetch(conn, "mailing_list/find_known_messages", query, into=KnownMessage)
    return {known.message_hash: known for known in rows}


def count_stored(conn: Conn, list_name: str) -> int:
    """Return how many messages of a list are stored and not removed."""
    row = fetch_one(conn, "mailing_list/count_messages", {"list_name": list_name})
    return int(row[0]) if row else 0


def save_messages(
    conn: Conn, messages: Sequence[Message], payloads: Sequence[raw.RawItem], now: datetime
) -> MergeCounts:
    """Store messages with their senders and raw payloads, in the caller's transaction."""
    raw.save(conn, SOURCE, EMAIL, payloads)
    raw.delete(conn, SOURCE, INDEX_ITEM, [item.key for item in payloads])
    return _merge_messages(conn, messages, now)


def save_imported(conn: Conn, found: Sequence[tuple[Message, raw.RawItem]], now: datetime) -> int:
    """Store messages from files, in the caller's transaction; the archive's own data later replace them."""
    raw.save(conn, SOURCE, IMPORTED, [payload for _, payload in found])
    return _merge_messages(conn, [message for message, _ in found], now, listed=False).inserted


def _merge_messages(
    conn: Conn, messages: Sequence[Message], now: datetime, *, listed: bool | None = None
) -> MergeCounts:
    senders = senders_of(messages)
    profiles = ensure_profiles(conn, tables.SENDERS, senders.values(), source=SOURCE, now=now)
    seen = {} if listed is None else {"listed": listed}
    rows = [
        {
            "list_name": m.list_name,
            "message_hash": m.message_hash,
            "mailing_list_profile_id": profiles[senders[m.sender_name, m.sender_address].key],
            "message_id": m.message_id,
            "parent_hash": m.parent_hash,
            "thread_hash": m.thread_hash,
            "subject": m.subject,
            "content": m.content,
            "sender_name": m.sender_name,
            "sender_address": m.sender_address,
            "sent_at": m.sent_at,
            "url": m.url,
            "attachments": list(m.attachments),
            "content_hash": m.content_hash,
            "created_at": now,
            "updated_at": now,
            **seen,
        }
        for m in messages
    ]
    natural = ("list_name", "message_hash")
    once = ("created_at", *seen)
    return merge(conn, tables.message, rows, key=natural, insert_only=once, touch=("updated_at",))


def save_relisted(
    conn: Conn, list_name: str, changes: Sequence[tuple[Listed, raw.RawItem]], now: datetime
) -> int:
    """Store what has changed in the index: messages move to other threads, and removed ones come back."""
    if not changes:
        return 0
    listed = [item for item, _ in changes]
    updated = execute(
        conn,
        "mailing_list/update_relisted_messages",
        {
            "list_name": list_name,
            "hashes": [item.message_hash for item in listed],
            "threads": [item.thread_hash for item in listed],
            "parents": [item.parent_hash for item in listed],
            "subjects": [item.subject for item in listed],
            "now": now,
        },
    )
    raw.save(conn, SOURCE, INDEX_ITEM, [payload for _, payload in changes])
    return updated


def save_without_hash(conn: Conn, payloads: Sequence[raw.RawItem]) -> None:
    """Store payloads that cannot become messages."""
    raw.save(conn, SOURCE, WITHOUT_HASH, payloads)


class SeenMessages:
    """The hashes that a complete walk has seen, in a temporary table so that memory use stays constant."""

    def __init__(self, conn: Conn) -> None:
        self._conn = conn
        execute(conn, "mailing_list/make_seen_messages")

    def add(self, hashes: Iterable[str]) -> None:
        """Add the hashes of a page."""
        execute(self._conn, "mailing_list/add_seen_messages", {"hashes": list(hashes)})

    def missing(self, list_name: str) -> Iterator[list[str]]:
        """Yield stored, listed messages that were not seen, in the order of their hashes."""
        query = {"list_name": list_name}
        for rows in pages(self._conn, "mailing_list/find_removed_messages", query, size=MISSING_PER_PAGE):
            yield [message_hash for (message_hash,) in rows]


def mark_removed(conn: Conn, list_name: str, hashes: Sequence[str], now: datetime) -> int:
    """Mark messages that the archive removed."""
    query = {"list_name": list_name, "hashes": list(hashes), "now": now}
    return execute(conn, "mailing_list/mark_removed_messages", query)
