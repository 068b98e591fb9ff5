"""The tally of one sync: counts, failures with their reasons, and settled source ids."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import structlog

from core.documents import Settled
from core.progress import UnitProgress
from core.session import Session
from trackers.pinecone import store
from trackers.pinecone.batch_writer import Outcomes, PendingBatch
from trackers.pinecone.chunk_records import DocumentRecords
from trackers.pinecone.diff import Diff, PendingRecord
from trackers.pinecone.result import SyncResult
from trackers.pinecone.target import Target

NAMED_IN_LOG = 10
log = structlog.get_logger("collector")
COUNTED_AS = {"upload": "uploaded", "update": "updated", "delete": "deleted"}


@dataclass
class Tally:
    """Counts what a sync does, and updates the list of failed source ids.

    :param keep_ids: keep lists of source ids in the result, which grow with the source.
    """

    session: Session
    progress: UnitProgress
    target: Target
    keep_ids: bool = False
    on_settled: Settled | None = None
    result: SyncResult = field(default_factory=SyncResult)
    any_failed_before: bool = False
    incomplete: bool = False
    """Whether something failed that is on no list, so that the status must not move past it."""

    def __post_init__(self) -> None:
        self._failed: set[str] = set()

    # -- documents -------------------------------------------------------------------------------------

    def skip(self, reason: str, number: int = 1) -> None:
        """Count documents or chunks that are left out, by reason."""
        self.result.skipped[reason] += number
        self.progress.count(f"skipped_{reason}", number)

    def without_id(self) -> None:
        """Count a document that has no id, and log the first of them."""
        self.skip("without_id")
        if self.result.skipped["without_id"] <= NAMED_IN_LOG:
            log.warning("a document has neither doc_id nor url in its metadata and is left out")

    def compared(self, documents: Sequence[DocumentRecords], diff: Diff) -> None:
        """Count the documents of a window, and log the problems found in them."""
        self.progress.count("documents", len(documents))
        self.progress.count("unchanged", diff.unchanged)
        self.result.unchanged += diff.unchanged
        for document in documents:
            if self.keep_ids:
                self.result.attempted_source_ids += document.source_ids
            if document.too_short:
                self.skip("short")
            for reason, number in document.dropped.items():
                self.skip(f"chunk_{reason}", number)
            if document.cut_metadata:
                self.progress.count("metadata_cut")
                cut = ", ".join(document.cut_metadata)
                log.warning(f"{document.doc_id}: metadata too large, cut: {cut}")
            for reason in [document.problem] if document.problem else document.failures:
                self._blame(document.doc_id, reason)

    def would_write(self, diff: Diff) -> None:
        """Count what a real sync would write, and log the first records."""
        self.result.upserted += len(diff.upload)
        self.result.updated += len(diff.update)
        for verb, items in (("would_upload", diff.upload), ("would_update", diff.update)):
            for item in items[: max(0, NAMED_IN_LOG - self.progress.counts[verb])]:
                log.info(f"{verb.replace('_', ' ')} {item.record.id} of {item.document.doc_id}")
            self.progress.count(verb, len(items))

    def would_delete(self, number: int) -> None:
        """Count what a real sync would delete."""
        self.result.deleted += number
        self.progress.count("would_delete", number)

    # -- outcomes of batches ---------------------------------------------------------------------------

    def completed(
        self, batch: PendingBatch, outcomes: Outcomes
    ) -> tuple[list[DocumentRecords], list[PendingRecord]]:
        """Count the outcome of each record.

        Return the documents of which no record is being written any more, and the records that were to be
        updated but are absent.
        """
        done: list[DocumentRecords] = []
        absent: list[PendingRecord] = []
        for record_id, outcome in outcomes.items():
            item = batch.items[record_id]
            if item and outcome.absent:
                absent.append(item)
                continue
            if outcome.error is None:
                self._count(batch.action)
            else:
                what = item.document.doc_id if item else record_id
                self._blame(what, str(outcome.error), outcome.error, update=batch.action == "update")
                self.incomplete |= item is None
            if item:
                if outcome.error is not None:
                    item.document.fail(str(outcome.error), refused=outcome.refused)
                item.document.outstanding -= 1
                if not item.document.outstanding:
                    done.append(item.document)
        return done, absent

    def _count(self, action: str) -> None:
        if action == "upload":
            self.result.upserted += 1
        elif action == "update":
            self.result.updated += 1
        else:
            self.result.deleted += 1
        self.progress.count(COUNTED_AS[action])

    def _blame(
        self, what: str, reason: str, error: BaseException | None = None, *, update: bool = False
    ) -> None:
        self.result.blame(f"{what}: {reason}", error, update=update)
        self.progress.count("failed")
        if self.result.failed_chunks <= NAMED_IN_LOG:
            log.warning(f"{what}: {reason}")

    # -- source ids ------------------------------------------------------------------------------------

    def settle(self, documents: Iterable[DocumentRecords]) -> None:
        """Record the outcome of documents: a source id is on the list if any of its documents failed."""
        settled = list(documents)
        bad = [document for document in settled if document.failed]
        # A refused document without source ids is listed under its own id.
        refused = {s: d.reason for d in bad if d.refused for s in d.source_ids or (d.doc_id,)}
        lost = {s: d.reason for d in bad for s in d.source_ids if s not in refused}
        self.incomplete |= any(not document.source_ids and not document.refused for document in bad)
        self._failed |= refused.keys() | lost.keys()
        indexed = [s for d in settled if not d.failed for s in d.source_ids if s not in self._failed]
        self.result.failed_count = len(self._failed)
        if self.keep_ids:
            self.result.failed_ids = sorted(self._failed)
            self.result.successful_source_ids += indexed
        without_ids = [d.doc_id for d in settled if not d.failed and not d.source_ids]
        cleared = [*indexed, *without_ids] if self.any_failed_before else []
        if not (bad or cleared or (settled and self.on_settled)):
            return
        now = self.session.clock.now()
        with self.session.conn.transaction():
            store.record_failed_ids(self.session.conn, self.target, refused, now)
            store.record_failed_ids(self.session.conn, self.target, lost, now, counted=False)
            if cleared:
                store.clear_failed_ids(self.session.conn, self.target, cleared)
            if self.on_settled is not None:
                self.on_settled(indexed, sorted(refused.keys() | lost.keys()))

    def settle_gone(self, gone: Sequence[str]) -> None:
        """Remove source ids from the list that no longer exist."""
        if gone:
            with self.session.conn.transaction():
                store.clear_failed_ids(
                    self.session.conn, self.target, [s for s in gone if s not in self._failed]
                )
