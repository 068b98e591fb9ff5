"""The documents of the mailing lists: one per message, even if it was posted to several lists.

Reads `identity.mailing_list_profile` for the sender's name, declared in `identity.api`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.database import Conn, fetch, pages
from core.dates import iso_z
from core.documents import Document, Documents

DOCUMENTS_PER_PAGE = 500


@dataclass(frozen=True)
class IndexedMessage:
    """A message to index: its copy in the first list by name, and the names of all lists that have it."""

    message_hash: str
    thread_hash: str
    parent_hash: str
    subject: str
    content: str
    sent_at: datetime | None
    url: str
    author: str
    list_names: list[str]


def documents(conn: Conn, failed_ids: list[str], final_sync_at: datetime | None) -> Documents:
    """Return the documents of the mailing lists for the vector index."""
    failed = [stripped for each in failed_ids if (stripped := each.strip())]
    return Documents(
        documents=_documents(conn, failed, final_sync_at),
        gone_source_ids=_gone(conn, failed),
        deleted_doc_ids=_removed(conn, final_sync_at),
    )


def _documents(conn: Conn, failed: list[str], since: datetime | None) -> Iterator[Document]:
    """Yield messages that are new or changed, and those to be tried again, each of them once."""
    query = {"since": since, "failed": failed}
    for rows in pages(
        conn, "mailing_list/find_documents", query, size=DOCUMENTS_PER_PAGE, into=IndexedMessage
    ):
        yield from map(document, rows)


def _removed(conn: Conn, since: datetime | None) -> Iterator[str]:
    """Yield messages that were removed from all their lists since the last sync."""
    if since is not None:  # a complete sync removes whatever is not among the documents
        yield from (row[0] for row in fetch(conn, "mailing_list/find_removed_documents", {"since": since}))


def _gone(conn: Conn, failed: list[str]) -> Iterator[str]:
    """Yield those of the ids to be tried again that no longer exist."""
    yield from (row[0] for row in fetch(conn, "mailing_list/find_removed_failures", {"failed": failed}))


def document(message: IndexedMessage) -> Document:
    """Return the document of a message."""
    names, sent_at = message.list_names, message.sent_at
    head = (
        ("Subject", message.subject.strip()),
        ("Sender", message.author),
        ("List", ", ".join(names)),
        ("Sent At", iso_z(sent_at) if sent_at else ""),
    )
    lines = [f"{name}: {value}" for name, value in head if value]
    metadata: dict[str, Any] = {
        "doc_id": message.message_hash,
        "type": "mailing",
        "thread_id": message.thread_hash,
        "subject": message.subject,
        "author": message.author,
        "timestamp": int(sent_at.timestamp()) if sent_at else 0,
        "parent_id": message.parent_hash,
        "list_name": names[0],
        "url": message.url,
        "source_ids": [message.message_hash],
    }
    if len(names) > 1:
        metadata["list_names"] = names
    return Document("\n".join([*lines, "", message.content.strip()]).strip(), metadata)
