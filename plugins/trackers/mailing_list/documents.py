"""What the vector index gets: one document per message, even if it was posted to several lists.

Reads `identity.mailing_list_profile` for the sender's name, declared in `identity.api`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from psycopg.rows import dict_row

from core.database import Conn, scrubbed
from core.dates import iso_z
from core.sql import sql

DOCUMENTS_PER_QUERY = 500


class MailingListDocuments:
    """The answer to the sync's question; documents are read page by page while they are taken."""

    is_chunked = False
    metas_to_update = ()

    def __init__(self, conn: Conn, failed_ids: list[str], final_sync_at: datetime | None) -> None:
        self._conn, self._since = conn, final_sync_at
        self._failed = [stripped for i in failed_ids if (stripped := i.strip())]

    @property
    def documents(self) -> Iterator[Mapping[str, Any]]:
        """Yield messages that are new or changed, and those to be tried again, each once."""
        after = ""
        while True:
            query = {
                "since": self._since,
                "failed": self._failed,
                "after": after,
                "limit": DOCUMENTS_PER_QUERY,
            }
            with scrubbed(), self._conn.cursor(row_factory=dict_row) as cursor:
                rows = cursor.execute(sql("mailing_list/documents"), query).fetchall()
            yield from map(document, rows)
            if len(rows) < DOCUMENTS_PER_QUERY:
                return
            after = rows[-1]["message_hash"]

    @property
    def deleted_doc_ids(self) -> list[str]:
        """Return messages that were removed from every list they were in, as far as that is news."""
        if self._since is None:
            return []  # everything is walked, so what is not produced is known to be gone
        with scrubbed():
            rows = self._conn.execute(
                sql("mailing_list/removed_documents"), {"since": self._since}
            ).fetchall()
        return [row[0] for row in rows]

    @property
    def gone_source_ids(self) -> list[str]:
        """Return those of the ids to be tried again that are no longer there."""
        with scrubbed():
            rows = self._conn.execute(sql("mailing_list/gone_documents"), {"failed": self._failed}).fetchall()
        return [row[0] for row in rows]


def documents(conn: Conn, failed_ids: list[str], final_sync_at: datetime | None) -> MailingListDocuments:
    """Return what the vector index should hold of the mailing lists."""
    return MailingListDocuments(conn, failed_ids, final_sync_at)


def document(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return one message's text and metadata."""
    names = row["list_names"]
    moment: datetime | None = row["sent_at"]
    head = (
        ("Subject", row["subject"].strip()),
        ("Sender", row["author"]),
        ("List", ", ".join(names)),
        ("Sent At", iso_z(moment) if moment else ""),
    )
    lines = [f"{name}: {value}" for name, value in head if value]
    metadata: dict[str, Any] = {
        "doc_id": row["message_hash"],
        "type": "mailing",
        "thread_id": row["thread_hash"],
        "subject": row["subject"],
        "author": row["author"],
        "timestamp": int(moment.timestamp()) if moment else 0,
        "parent_id": row["parent_hash"],
        "list_name": names[0],
        "url": row["url"],
        "source_ids": [row["message_hash"]],
    }
    if len(names) > 1:
        metadata["list_names"] = names
    return {"content": "\n".join([*lines, "", row["content"].strip()]).strip(), "metadata": metadata}
