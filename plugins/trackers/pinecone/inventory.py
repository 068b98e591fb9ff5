"""What the indexes were found to hold, in a temporary table, beside what the ledger says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from psycopg.rows import dict_row

from core.database import Conn, scrubbed
from core.sql import sql

STRAYS_PER_PAGE = 500


class Inventory:
    """The ids of one namespace, as both indexes listed them."""

    def __init__(self, conn: Conn, instance: str, namespace: str) -> None:
        self._conn = conn
        self._key = {"instance": instance, "namespace": namespace}
        with scrubbed():
            conn.execute(sql("pinecone/make_inventory"), prepare=False)

    def add(self, kind: str, ids: Sequence[str]) -> None:
        """Note a page of ids."""
        with scrubbed():
            self._conn.execute(sql("pinecone/add_to_inventory"), {"kind": kind, "ids": list(ids)})

    def compare(self, settled_before: datetime) -> dict[str, int]:
        """Count what differs; what was written after `settled_before` may not be listed yet."""
        values = {**self._key, "settled_before": settled_before}
        with scrubbed(), self._conn.cursor(row_factory=dict_row) as cursor:
            row = cursor.execute(sql("pinecone/compare_inventory"), values).fetchone()
        return dict(row or {})

    def strays(self) -> Iterator[list[tuple[str, bool]]]:
        """Yield ids that the ledger does not have, and whether both indexes have them."""
        after = ""
        while True:
            values = {**self._key, "after": after, "limit": STRAYS_PER_PAGE}
            with scrubbed():
                rows = self._conn.execute(sql("pinecone/find_strays"), values).fetchall()
            if not rows:
                return
            after = rows[-1][0]
            yield [(record_id, in_both) for record_id, in_both in rows]


def describe_sources(conn: Conn, now: datetime) -> list[dict[str, Any]]:
    """Return lag, failures and counts of every source that was ever synced."""
    with scrubbed(), conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(sql("pinecone/describe_sources"), {"now": now}).fetchall()


def known_namespaces(conn: Conn) -> list[tuple[str, str]]:
    """Return instance and namespace of everything in the ledger."""
    with scrubbed():
        rows = conn.execute(sql("pinecone/known_namespaces")).fetchall()
    return [(instance, namespace) for instance, namespace in rows]
