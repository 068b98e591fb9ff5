"""Compares records with the ledger to find what has to be written. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from trackers.pinecone.chunk_records import DocumentRecords
from trackers.pinecone.record import Record
from trackers.pinecone.store import LedgerRow

NAMED = 3


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
        for record in _not_repeated(diff, document, first_time, seen, ledger):
            row = ledger.get(record.id)
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


def _not_repeated(
    diff: Diff,
    document: DocumentRecords,
    first_time: set[str],
    seen: Mapping[str, Record],
    ledger: Mapping[str, LedgerRow],
) -> list[Record]:
    """Return the records that this sync has not seen; none if it has seen one of them with other content."""
    repeated = [record for record in document.records if record.id not in first_time]
    diff.repeated += len(repeated)
    for record in repeated:
        before = seen.get(record.id) or ledger.get(record.id)
        hashes = (record.text_sha256, record.meta_sha256)
        if before is None or (before.text_sha256, before.meta_sha256) != hashes:
            document.fail(
                f"another document of this sync has the same id{_named(document.source_ids)}; the first is "
                "kept, give each its own doc_id"
            )
            return []
    return [record for record in document.records if record.id in first_time]


def refuse_others(
    documents: Iterable[DocumentRecords], ledger: Mapping[str, LedgerRow], app_type: str
) -> None:
    """Refuse documents whose ids belong to other documents in the ledger: they have no source id in common.

    Otherwise the two would overwrite each other, whenever one of them changes or is tried again.
    """
    for document in documents:
        mine = set(document.source_ids)
        rows = (row for record in document.records if (row := ledger.get(record.id)))
        owners = (row for row in rows if row.app_type == app_type and row.source_ids)
        if other := next((row for row in owners if mine and mine.isdisjoint(row.source_ids)), None):
            document.records.clear()
            document.refused = True
            document.problem = (
                f"two documents have this id: this one{_named(document.source_ids)} and the indexed one"
                f"{_named(other.source_ids)}, which is kept; give each its own doc_id, or run a full resync "
                "if the indexed one no longer exists"
            )


def _named(source_ids: Sequence[str]) -> str:
    more = f" and {len(source_ids) - NAMED:,} more" if len(source_ids) > NAMED else ""
    return f" ({', '.join(source_ids[:NAMED])}{more})" if source_ids else ""
