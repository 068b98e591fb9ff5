"""The ids that the indexes list, in a temporary table, compared with the ledger."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.database import Conn, execute, fetch, fetch_one, pages

STRAYS_PER_PAGE = 500


@dataclass(frozen=True)
class Findings:
    """The counts of a namespace in the ledger and in the two indexes."""

    in_ledger: int
    in_dense: int
    in_sparse: int
    missing: int
    strays: int
    unconfirmed: int

    @property
    def drift(self) -> bool:
        """Whether index and ledger differ."""
        return bool(self.missing or self.strays or self.unconfirmed)

    def summary(self) -> str:
        """Return the counts as one line of text."""
        return (
            f"{self.in_ledger:,} in the ledger, {self.in_dense:,} dense, {self.in_sparse:,} sparse; "
            f"{self.missing:,} missing, {self.strays:,} strays, {self.unconfirmed:,} unconfirmed"
        )


@dataclass(frozen=True)
class SourceStatus:
    """A source's lag and last error, and its numbers of chunks, documents and failures."""

    instance: str
    namespace: str
    app_type: str
    final_sync_at: datetime | None
    last_error: str
    updated_at: datetime
    lag_seconds: int | None
    chunks: int
    documents: int
    failed: int
    dead: int


class Inventory:
    """The ids of one namespace, as both indexes listed them."""

    def __init__(self, conn: Conn, instance: str, namespace: str) -> None:
        self._conn = conn
        self._key = {"instance": instance, "namespace": namespace}
        execute(conn, "pinecone/make_inventory")

    def add(self, kind: str, ids: Sequence[str]) -> None:
        """Add a page of ids that an index listed."""
        execute(self._conn, "pinecone/add_to_inventory", {"kind": kind, "ids": list(ids)})

    def compare(self, settled_before: datetime) -> Findings:
        """Count the differences; records written after `settled_before` may not be listed yet."""
        values = {**self._key, "settled_before": settled_before}
        found = fetch_one(self._conn, "pinecone/compare_inventory", values, into=Findings)
        if found is None:
            raise RuntimeError("the comparison returned no row")
        return found

    def strays(self) -> Iterator[list[tuple[str, bool]]]:
        """Yield ids that are not in the ledger, with whether both indexes have them."""
        for rows in pages(self._conn, "pinecone/find_strays", self._key, size=STRAYS_PER_PAGE):
            yield [(record_id, in_both) for record_id, in_both in rows]


def describe_sources(conn: Conn, now: datetime) -> list[SourceStatus]:
    """Return lag, failures and counts of every source that was ever synced."""
    return fetch(conn, "pinecone/describe_sources", {"now": now}, into=SourceStatus)


def known_namespaces(conn: Conn) -> list[tuple[str, str]]:
    """Return instance and namespace of all records in the ledger."""
    return [(instance, namespace) for instance, namespace in fetch(conn, "pinecone/known_namespaces")]
