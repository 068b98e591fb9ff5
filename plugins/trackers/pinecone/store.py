"""The only code that writes the `pinecone` schema."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from core.database import Conn, execute, fetch, fetch_one, merge, pages
from trackers.pinecone import tables
from trackers.pinecone.pinecone_limits import DELETE_IDS
from trackers.pinecone.record import Record
from trackers.pinecone.target import Target

DEAD_AFTER = 8
TRIED_AT_ONCE = 10_000


@dataclass(frozen=True)
class LedgerRow:
    """A record in the ledger."""

    record_id: str
    app_type: str
    doc_id: str
    source_ids: list[str]
    text_sha256: str
    meta_sha256: str
    confirmed: bool


# -- the status of a source --------------------------------------------------------------------------------


def database_clock(conn: Conn) -> datetime:
    """Return the current time of the database's clock."""
    row = fetch_one(conn, "pinecone/database_clock")
    if row is None:
        raise RuntimeError("the database did not return its time")
    moment: datetime = row[0]
    return moment


def get_final_sync_at(conn: Conn, target: Target) -> datetime | None:
    """Return the time up to which everything is in the index; None if no sync was ever complete."""
    row = fetch_one(conn, "pinecone/read_status", target.key)
    return row[0] if row else None


def update_sync_status(conn: Conn, target: Target, final_sync_at: datetime | None, now: datetime) -> None:
    """Move the status, in the caller's transaction; with None, the next sync compares everything."""
    row = {**target.key, "final_sync_at": final_sync_at, "created_at": now, "updated_at": now}
    merge(
        conn,
        tables.sync_status,
        [row],
        key=tuple(target.key),
        insert_only=("created_at",),
        touch=("updated_at",),
    )


def describe_sync(
    conn: Conn, target: Target, *, run_id: str, error: str, counts: Mapping[str, int], now: datetime
) -> None:
    """Store how the last sync went, in the caller's transaction."""
    row = {
        **target.key,
        "last_run_id": run_id,
        "last_error": error,
        "counts": dict(counts),
        "created_at": now,
        "updated_at": now,
    }
    merge(
        conn,
        tables.sync_status,
        [row],
        key=tuple(target.key),
        insert_only=("created_at",),
        touch=("updated_at",),
    )


# -- the list of failures ----------------------------------------------------------------------------------


def get_failed_ids(conn: Conn, target: Target, now: datetime) -> list[str]:
    """Return the source ids that are due to be tried again."""
    rows = fetch(conn, "pinecone/due_failures", {**target.key, "now": now, "limit": TRIED_AT_ONCE})
    return [row[0] for row in rows]


def has_failures(conn: Conn, target: Target) -> bool:
    """Return whether the list has any entry, dead or not."""
    return fetch(conn, "pinecone/has_failures", target.key) == [(True,)]


def record_failed_ids(
    conn: Conn, target: Target, reasons: Mapping[str, str], now: datetime, *, counted: bool = True
) -> None:
    """Put source ids on the list, in the caller's transaction.

    :param counted: whether this counts towards being dead, as refusals do and failures of the service do not.
    """
    if reasons:
        values = {
            **target.key,
            "ids": sorted(reasons),
            "reasons": [reasons[source_id] for source_id in sorted(reasons)],
            "counted": int(counted),
            "dead_after": DEAD_AFTER,
            "now": now,
        }
        execute(conn, "pinecone/record_failures", values)


def clear_failed_ids(conn: Conn, target: Target, ids: Sequence[str] | None = None) -> int:
    """Remove source ids (or all) from the list, in the caller's transaction."""
    return execute(conn, "pinecone/clear_failures", {**target.key, "ids": None if ids is None else list(ids)})


def reclaim_interrupted(conn: Conn, target: Target, now: datetime) -> int:
    """Put source ids on the list whose writes a killed sync has not confirmed."""
    return execute(conn, "pinecone/reclaim_interrupted", {**target.key, "now": now})


# -- the ledger --------------------------------------------------------------------------------------------


def find_rows(conn: Conn, target: Target, record_ids: Sequence[str]) -> dict[str, LedgerRow]:
    """Return the ledger's rows of records of any source, by record id."""
    query = {**target.key, "ids": list(record_ids)}
    rows = fetch(conn, "pinecone/find_ledger_rows", query, into=LedgerRow)
    return {row.record_id: row for row in rows}


def intend(conn: Conn, target: Target, records: Iterable[tuple[Record, str, Sequence[str]]]) -> None:
    """Store records as unconfirmed before they are sent: nobody knows what the index has until `confirm`."""
    rows = [_ledger_row(target, record, doc_id, ids, None) for record, doc_id, ids in records]
    execute(conn, "pinecone/save_records", {"rows": Jsonb(rows)})


def confirm(conn: Conn, target: Target, record_ids: Sequence[str], now: datetime) -> None:
    """Mark records as stored in both indexes, in the caller's transaction."""
    if record_ids:
        execute(conn, "pinecone/confirm_records", {**target.key, "ids": list(record_ids), "now": now})


def doubt(conn: Conn, target: Target, record_ids: Sequence[str]) -> None:
    """Mark records as unconfirmed, in the caller's transaction."""
    if record_ids:
        execute(conn, "pinecone/confirm_records", {**target.key, "ids": list(record_ids), "now": None})


def forget(conn: Conn, target: Target, record_ids: Sequence[str]) -> None:
    """Delete records from the ledger that neither index has any more, in the caller's transaction."""
    if record_ids:
        execute(conn, "pinecone/forget_records", {**target.key, "ids": list(record_ids)})


def doubt_instance(conn: Conn, instance: str) -> int:
    """Mark all records of an instance as unconfirmed, so that every sync compares everything again."""
    with conn.transaction():
        doubted = execute(conn, "pinecone/doubt_instance", {"instance": instance})
        if doubted:
            execute(conn, "pinecone/restart_instance", {"instance": instance})
    return doubted


def adopt(
    conn: Conn, target: Target, found: Sequence[tuple[Record, str, Sequence[str], bool]], now: datetime
) -> None:
    """Add records that an index already has to the ledger, in the caller's transaction."""
    moment = now.isoformat()
    rows = [
        _ledger_row(target, record, doc_id, ids, moment if in_both else None)
        for record, doc_id, ids, in_both in found
    ]
    execute(conn, "pinecone/save_records", {"rows": Jsonb(rows)})


def _ledger_row(
    target: Target, record: Record, doc_id: str, source_ids: Sequence[str], synced_at: str | None
) -> dict[str, Any]:
    return {
        **target.key,
        "record_id": record.id,
        "doc_id": doc_id,
        "source_ids": list(source_ids),
        "text_sha256": record.text_sha256,
        "meta_sha256": record.meta_sha256,
        "synced_at": synced_at,
    }


def doubt_missing(conn: Conn, instance: str, namespace: str, settled_before: datetime, now: datetime) -> int:
    """Mark records that the indexes lack as unconfirmed, so that each source's next sync retries them."""
    values = {"instance": instance, "namespace": namespace, "settled_before": settled_before, "now": now}
    doubted = execute(conn, "pinecone/doubt_missing", values)
    execute(conn, "pinecone/retry_unconfirmed", values)
    execute(conn, "pinecone/restart_sources_without_ids", values)
    return doubted


class SeenRecords:
    """The records and documents that a sync has seen, in temporary tables, so that memory use is constant."""

    def __init__(self, conn: Conn, target: Target) -> None:
        self._conn, self._target = conn, target
        execute(conn, "pinecone/make_seen_tables")

    def add_documents(self, doc_ids: Iterable[str]) -> None:
        """Add documents; their records in the ledger that this sync does not produce are orphans."""
        execute(self._conn, "pinecone/add_seen_documents", {"ids": list(doc_ids)})

    def add_records(self, record_ids: Iterable[str]) -> set[str]:
        """Add records, and return those that were not added before."""
        rows = fetch(self._conn, "pinecone/add_seen_records", {"ids": list(record_ids)})
        return {record_id for (record_id,) in rows}

    def keep_documents(self, doc_ids: Sequence[str]) -> None:
        """Keep the records of documents from which no records could be built."""
        if doc_ids:
            execute(self._conn, "pinecone/keep_documents", {**self._target.key, "ids": list(doc_ids)})

    def orphans(self, *, complete: bool) -> Iterator[list[str]]:
        """Yield records that are no longer produced; if `complete`, also those of documents not seen."""
        yield from _ids(self._conn, "pinecone/find_orphans", {**self._target.key, "complete": complete})

    def of_deleted(self, doc_ids: Sequence[str]) -> Iterator[list[str]]:
        """Yield the records of documents that no longer exist, except of those that were seen again."""
        rows = fetch(self._conn, "pinecone/unseen_documents", {"ids": list(doc_ids)})
        ids = [doc_id for (doc_id,) in rows]
        yield from _ids(self._conn, "pinecone/records_of_documents", {**self._target.key, "ids": ids})


def of_sources(conn: Conn, target: Target, source_ids: Sequence[str]) -> Iterator[list[str]]:
    """Yield the records of documents whose rows all no longer exist."""
    yield from _ids(conn, "pinecone/records_of_sources", {**target.key, "ids": list(source_ids)})


def _ids(conn: Conn, name: str, values: Mapping[str, Any]) -> Iterator[list[str]]:
    for rows in pages(conn, name, values, size=DELETE_IDS):
        yield [record_id for (record_id,) in rows]
