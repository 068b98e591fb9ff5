"""The only code that writes the `pinecone` schema."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from core.database import Conn, merge, scrubbed
from core.sql import sql
from trackers.pinecone import tables
from trackers.pinecone.contract import Target
from trackers.pinecone.record import Record

DEAD_AFTER = 8
TRIED_AT_ONCE = 10_000
IDS_PER_QUERY = 1000


@dataclass(frozen=True)
class LedgerRow:
    """What the ledger says about a record."""

    app_type: str
    doc_id: str
    text_sha256: str
    meta_sha256: str
    meta_keys: tuple[str, ...]
    confirmed: bool


def _run(conn: Conn, name: str, values: Mapping[str, Any]) -> list[Any]:
    with scrubbed():
        cursor = conn.execute(sql(f"pinecone/{name}"), values)
        return cursor.fetchall() if cursor.description else []


def _changed(conn: Conn, name: str, values: Mapping[str, Any]) -> int:
    with scrubbed():
        return conn.execute(sql(f"pinecone/{name}"), values).rowcount


# -- where a sync was left ---------------------------------------------------------------------------------


def database_clock(conn: Conn) -> datetime:
    """Return the time by the database."""
    moment: datetime = _run(conn, "database_clock", {})[0][0]
    return moment


def get_final_sync_at(conn: Conn, target: Target) -> datetime | None:
    """Return until when everything is in the index; None if it never was."""
    rows = _run(conn, "read_status", target.key)
    return rows[0][0] if rows else None


def update_sync_status(conn: Conn, target: Target, final_sync_at: datetime | None, now: datetime) -> None:
    """Move the status, in the caller's transaction; None has the next sync begin from the start."""
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
    """Keep how the last sync went, in the caller's transaction."""
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


# -- what failed -------------------------------------------------------------------------------------------


def get_failed_ids(conn: Conn, target: Target, now: datetime) -> list[str]:
    """Return the source ids that are to be tried again now."""
    rows = _run(conn, "due_failures", {**target.key, "now": now, "limit": TRIED_AT_ONCE})
    return [row[0] for row in rows]


def has_failures(conn: Conn, target: Target) -> bool:
    """Say whether anything is on the list, dead or not."""
    return bool(_run(conn, "has_failures", target.key)[0][0])


def record_failed_ids(
    conn: Conn, target: Target, reasons: Mapping[str, str], now: datetime, *, counted: bool = True
) -> None:
    """Put source ids on the list, in the caller's transaction.

    :param counted: whether this was a refusal; failures of the service make nothing dead.
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
        _changed(conn, "record_failures", values)


def clear_failed_ids(conn: Conn, target: Target, ids: Sequence[str] | None = None) -> int:
    """Take source ids (or all) off the list, in the caller's transaction."""
    return _changed(conn, "clear_failures", {**target.key, "ids": None if ids is None else list(ids)})


def reclaim_interrupted(conn: Conn, target: Target, now: datetime) -> int:
    """Put on the list whose writes a killed sync left open: nobody knows what the index holds of them."""
    return _changed(conn, "reclaim_interrupted", {**target.key, "now": now})


# -- the ledger --------------------------------------------------------------------------------------------


def find_rows(conn: Conn, target: Target, record_ids: Sequence[str]) -> dict[str, LedgerRow]:
    """Return what the ledger says about records, whoever wrote them."""
    rows = _run(conn, "find_ledger_rows", {**target.key, "ids": list(record_ids)})
    return {row[0]: LedgerRow(row[1], row[2], row[3], row[4], tuple(row[5]), row[6]) for row in rows}


def intend(conn: Conn, target: Target, records: Iterable[tuple[Record, str, Sequence[str]]]) -> None:
    """Note what is about to be written: until it is confirmed, nobody knows what the index holds of it."""
    rows = [_ledger_row(target, record, doc_id, ids, None) for record, doc_id, ids in records]
    _changed(conn, "save_records", {"rows": Jsonb(rows)})


def confirm(conn: Conn, target: Target, record_ids: Sequence[str], now: datetime) -> None:
    """Note that both indexes took these, in the caller's transaction."""
    if record_ids:
        _changed(conn, "confirm_records", {**target.key, "ids": list(record_ids), "now": now})


def doubt(conn: Conn, target: Target, record_ids: Sequence[str]) -> None:
    """Note that nobody knows what the index holds of these, in the caller's transaction."""
    if record_ids:
        _changed(conn, "confirm_records", {**target.key, "ids": list(record_ids), "now": None})


def forget(conn: Conn, target: Target, record_ids: Sequence[str]) -> None:
    """Note that neither index holds these any more, in the caller's transaction."""
    if record_ids:
        _changed(conn, "forget_records", {**target.key, "ids": list(record_ids)})


def doubt_instance(conn: Conn, instance: str) -> int:
    """Note that nobody knows what the indexes of an instance hold, and have every sync begin anew."""
    with conn.transaction():
        doubted = _changed(conn, "doubt_instance", {"instance": instance})
        if doubted:
            _changed(conn, "restart_instance", {"instance": instance})
    return doubted


def adopt(
    conn: Conn, target: Target, found: Sequence[tuple[Record, str, Sequence[str], bool]], now: datetime
) -> None:
    """Put records of an index into the ledger, in the caller's transaction."""
    moment = now.isoformat()
    rows = [
        _ledger_row(target, record, doc_id, ids, moment if in_both else None)
        for record, doc_id, ids, in_both in found
    ]
    _changed(conn, "save_records", {"rows": Jsonb(rows)})


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
        "meta_keys": sorted(record.metadata),
        "synced_at": synced_at,
    }


def doubt_missing(conn: Conn, instance: str, namespace: str, settled_before: datetime, now: datetime) -> int:
    """Note that an inventory lacks records, and have the next sync of each source try them again."""
    values = {"instance": instance, "namespace": namespace, "settled_before": settled_before, "now": now}
    doubted = _changed(conn, "doubt_missing", values)
    _changed(conn, "retry_unconfirmed", values)
    _changed(conn, "restart_sources_without_ids", values)
    return doubted


class Seen:
    """The records and documents that a sync came across, in temporary tables: memory stays flat."""

    def __init__(self, conn: Conn, target: Target) -> None:
        self._conn, self._target = conn, target
        with scrubbed():
            conn.execute(sql("pinecone/make_seen_tables"), prepare=False)

    def add_documents(self, doc_ids: Iterable[str]) -> None:
        """Note documents: what the ledger has of them and this sync did not produce is an orphan."""
        _changed(self._conn, "add_seen_documents", {"ids": list(doc_ids)})

    def add_records(self, record_ids: Iterable[str]) -> set[str]:
        """Note records; return those that were not noted before."""
        return {row[0] for row in _run(self._conn, "add_seen_records", {"ids": list(record_ids)})}

    def keep_documents(self, doc_ids: Sequence[str]) -> None:
        """Keep what the ledger has of documents that could not be judged."""
        if doc_ids:
            _changed(self._conn, "keep_documents", {**self._target.key, "ids": list(doc_ids)})

    def orphans(self, *, complete: bool) -> Iterator[list[str]]:
        """Yield records that are no longer produced; of a complete walk, also of documents not seen."""
        yield from _pages(self._conn, "find_orphans", {**self._target.key, "complete": complete})


def of_documents(conn: Conn, target: Target, doc_ids: Sequence[str]) -> Iterator[list[str]]:
    """Yield the records of documents that are gone."""
    yield from _pages(conn, "records_of_documents", {**target.key, "ids": list(doc_ids)})


def of_sources(conn: Conn, target: Target, source_ids: Sequence[str]) -> Iterator[list[str]]:
    """Yield the records of documents made of nothing but rows that are gone."""
    yield from _pages(conn, "records_of_sources", {**target.key, "ids": list(source_ids)})


def _pages(conn: Conn, name: str, values: Mapping[str, Any]) -> Iterator[list[str]]:
    after = ""
    while True:
        found = _run(conn, name, {**values, "after": after, "limit": IDS_PER_QUERY})
        if not found:
            return
        after = found[-1][0]
        yield [row[0] for row in found]
