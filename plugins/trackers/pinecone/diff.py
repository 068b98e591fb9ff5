"""Compares records with the ledger to find what has to be written. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from trackers.pinecone.chunk_records import DocumentRecords
from trackers.pinecone.record import Record
from trackers.pinecone.store import LedgerRow


@dataclass(frozen=True)
class PendingRecord:
    """A record to write, with its document."""

    record: Record
    document: DocumentRecords


@dataclass
class Diff:
    """What has to be written for some documents."""

    upload: list[PendingRecord] = field(default_factory=list)
    update: list[PendingRecord] = field(default_factory=list)
    unchanged: int = 0
    repeated: int = 0


def diff_records(
    documents: Iterable[DocumentRecords],
    ledger: Mapping[str, LedgerRow],
    new: set[str],
    app_type: str,
    waiting: Iterable[PendingRecord] = (),
) -> Diff:
    """Sort the records of documents into uploads, updates and unchanged; set problems on the documents.

    :param new: record ids that this sync has not seen before.
    :param waiting: records that this sync has seen but not sent yet.
    """
    diff = Diff()
    seen = {item.record.id: item.record for item in waiting}
    first_time = set(new)
    for document in documents:
        for record in document.records:
            row = ledger.get(record.id)
            if record.id not in first_time:
                _repeated(diff, document, record, seen.get(record.id) or row)
                continue
            first_time.discard(record.id)
            seen[record.id] = record
            if row is not None and row.app_type != app_type:
                document.fail(f"record id {record.id} already belongs to app_type {row.app_type}")
                continue
            _sort(diff, PendingRecord(record, document), row)
    return diff


def _sort(diff: Diff, item: PendingRecord, row: LedgerRow | None) -> None:
    record = item.record
    if row is None and item.document.only_metadata:
        diff.update.append(item)
    elif row is None or not row.confirmed or row.text_sha256 != record.text_sha256:
        diff.upload.append(item)
    elif row.meta_sha256 == record.meta_sha256:
        diff.unchanged += 1
        return
    else:
        diff.update.append(item)
    item.document.outstanding += 1


def _repeated(
    diff: Diff, document: DocumentRecords, record: Record, before: Record | LedgerRow | None
) -> None:
    """Handle a record that occurs twice in one sync: an error, unless both have the same content."""
    diff.repeated += 1
    hashes = (record.text_sha256, record.meta_sha256)
    if before is None or (before.text_sha256, before.meta_sha256) != hashes:
        document.fail(f"another document of this sync has the same record id {record.id}")
