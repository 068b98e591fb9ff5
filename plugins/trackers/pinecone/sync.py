"""One sync of one source: upload what changed, delete what no longer exists, list what failed.

Crash safety relies on one rule: before a record is sent, the ledger marks it as unconfirmed, and only when
both indexes have stored it as confirmed. The next sync tries again whatever a killed one left unconfirmed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Any

import structlog

from core.documents import PreprocessFn
from core.errors import CollectorError, SourceUnavailable
from core.outage import OutageBreaker
from core.session import Session
from trackers.pinecone import store
from trackers.pinecone.batch_writer import BatchWriter, Outcome, PendingBatch
from trackers.pinecone.chunk_records import DocumentRecords, RecordBuilder
from trackers.pinecone.chunking import Splitter
from trackers.pinecone.diff import Diff, PendingRecord, diff_records, refuse_others
from trackers.pinecone.index import Writer
from trackers.pinecone.pinecone_limits import DELETE_IDS
from trackers.pinecone.read_documents import ReadDocument, as_documents, read_document
from trackers.pinecone.result import SyncResult
from trackers.pinecone.sync_limits import SyncLimits
from trackers.pinecone.tally import Tally
from trackers.pinecone.target import Target

OVERLAP = timedelta(minutes=5)
log = structlog.get_logger("collector")


@dataclass(frozen=True)
class SyncOptions:
    """The options of one sync.

    :param collect_ids: keep lists of source ids in the result, which grow with the source.
    :param limits: sizes and thresholds; by default those of the settings.
    :param splitter: splits texts; by default `recursive_splitter`.
    :param run_id: the DAG run, stored with the status.
    """

    full_resync: bool = False
    dry_run: bool = False
    delete_orphans: bool = True
    max_documents: int | None = None
    collect_ids: bool = False
    limits: SyncLimits | None = None
    splitter: Splitter | None = None
    run_id: str = ""


class Sync:
    """Brings one source's part of the index up to date."""

    def __init__(
        self, session: Session, index: Writer, target: Target, preprocess: PreprocessFn, options: SyncOptions
    ) -> None:
        self.session, self.index, self.target = session, index, target
        self.preprocess, self.options = preprocess, options
        self.conn, self.progress = session.conn, session.progress.unit(target.app_type)
        self.limits = options.limits or SyncLimits.from_settings(session.settings)
        self._builder = RecordBuilder(self.limits, options.splitter)
        self._writer: BatchWriter | None = None
        self._waiting: list[PendingRecord] = []
        self._updates: list[PendingRecord] = []
        self._tally = Tally(session, self.progress, target, options.collect_ids)
        self._outage = OutageBreaker()
        self._kept: list[str] = []
        self._renewed = self._cut_short = self._complete = False

    @property
    def result(self) -> SyncResult:
        """The counts and failures so far."""
        return self._tally.result

    # -- the run ---------------------------------------------------------------------------------------

    def run(self) -> SyncResult:
        """Sync, and raise if the service cannot be used at all. The status moves only at the very end."""
        last = store.get_final_sync_at(self.conn, self.target)
        complete = self._complete = self.options.full_resync or last is None
        cutoff = min(self.session.clock.now(), store.database_clock(self.conn)) - OVERLAP
        failed_ids = self._to_try_again(complete)
        since = None if complete else last
        scope = "everything" if since is None else f"what changed since {since:%Y-%m-%d %H:%M:%S} UTC"
        again = f", and {len(failed_ids):,} that failed" if failed_ids else ""
        log.info(f"{self.target}: {scope}{again}")
        given = as_documents(self.preprocess(failed_ids, since))
        self._tally.on_settled = given.on_settled
        seen = store.SeenRecords(self.conn, self.target)
        try:
            for documents, only_metadata in (
                (given.documents, False),
                (given.metas_to_update, True),
            ):
                for window in self._windows(documents):
                    self._one_window(window, seen, given.is_chunked, only_metadata)
            self._flush()
            self._await_batches(leave=0)
            seen.keep_documents(self._kept)
            # What a limited sync did not reach may exist again.
            gone = [] if self._cut_short else list(given.gone_source_ids)
            deleted = [] if self._cut_short else list(given.deleted_doc_ids)
            if self.options.delete_orphans:
                self._remove(seen, complete and not self._cut_short, deleted, gone)
            if not self.options.dry_run:
                self._tally.settle_gone(gone)
        except CollectorError:
            self._salvage()
            raise
        finally:
            if self._writer is not None:
                self._writer.close()
        if not (self.options.dry_run or self._cut_short or self._tally.incomplete):
            moved_to = None if self._renewed else cutoff
            with self.conn.transaction():
                store.update_sync_status(self.conn, self.target, moved_to, self.session.clock.now())
        return self.result

    def _to_try_again(self, complete: bool) -> list[str]:
        now = self.session.clock.now()
        if not self.options.dry_run and not complete:
            store.reclaim_interrupted(self.conn, self.target, now)
        failed_ids = store.get_failed_ids(self.conn, self.target, now)
        self._tally.any_failed_before = store.has_failures(self.conn, self.target)
        return failed_ids

    # -- documents -------------------------------------------------------------------------------------

    def _windows(self, documents: Iterable[Any]) -> Iterator[list[ReadDocument]]:
        """Yield documents in windows of limited number and size, so that memory use stays constant."""
        left = None if self.options.max_documents is None else self.options.max_documents - self.result.total
        source = iter(documents)
        window: list[ReadDocument] = []
        # The first window fills only one batch, so that it is sent at once.
        size, most = 0, min(self.limits.batch_size, self.limits.window)
        for document in source if left is None else islice(source, max(0, left)):
            self.result.total += 1
            given = read_document(document)
            if not given.base:
                self._tally.without_id()
                continue
            window.append(given)
            size += len(given.content)
            if len(window) >= most or size >= self.limits.window_bytes:
                yield window
                window, size, most = [], 0, self.limits.window
        if window:
            yield window
        if left is not None and next(source, None) is not None:
            self._cut_short = True
            log.info(
                f"stopped at {self.options.max_documents:,} documents; "
                "the next sync starts where this one started"
            )

    def _one_window(
        self, window: list[ReadDocument], seen: store.SeenRecords, is_chunked: bool, only_metadata: bool
    ) -> None:
        documents = [
            self._builder.records_of(given, is_chunked=is_chunked, only_metadata=only_metadata)
            for given in window
        ]
        ledger = store.find_rows(self.conn, self.target, _record_ids(documents))
        if not self._complete:
            refuse_others(documents, ledger, self.target.app_type)
        seen.add_documents(dict.fromkeys(document.doc_id for document in documents))
        new = seen.add_records(_record_ids(documents))
        self._kept += [document.doc_id for document in documents if document.problem]
        waiting = [*self._waiting, *self._updates]
        diff = diff_records(documents, ledger, new, self.target.app_type, waiting)
        self._tally.compared(documents, diff)
        if self.options.dry_run:
            self._tally.would_write(diff)
        else:
            self._send(diff)
            self._tally.settle(document for document in documents if not document.outstanding)
        self.progress.advance(len(window))

    # -- sending ---------------------------------------------------------------------------------------

    def _send(self, diff: Diff) -> None:
        self._waiting += diff.upload
        while len(self._waiting) >= self.limits.batch_size:
            self._send_uploads()
        self._updates += diff.update
        while len(self._updates) >= self.limits.batch_size:
            self._send_updates()

    def _flush(self) -> None:
        while self._waiting or self._updates:
            if self._updates:
                self._send_updates()
            if self._waiting:
                self._send_uploads()
            # A record that was to be updated and is absent comes back to be uploaded.
            self._await_batches(leave=0)

    def _send_uploads(self) -> None:
        items = self._next_batch()
        self._ready(items).upload(items)

    def _next_batch(self) -> list[PendingRecord]:
        """Take as many waiting records as one request may have, by number and by bytes."""
        size = number = 0
        for item in self._waiting[: self.limits.batch_size]:
            size += item.record.size
            if number and size > self.limits.batch_bytes:
                break
            number += 1
        batch, self._waiting = self._waiting[:number], self._waiting[number:]
        return batch

    def _send_updates(self) -> None:
        items = self._updates[: self.limits.batch_size]
        self._updates = self._updates[self.limits.batch_size :]
        self._ready(items).update(items)

    def _ready(self, items: Sequence[PendingRecord]) -> BatchWriter:
        """Wait until another batch can be sent, and mark its records as unconfirmed."""
        writer = self._opened()
        self._await_batches(leave=self.limits.in_flight - 1)
        store.intend(
            self.conn, self.target, [(i.record, i.document.doc_id, i.document.source_ids) for i in items]
        )
        return writer

    def _opened(self) -> BatchWriter:
        """Open the indexes when they are first needed, and create missing ones.

        A new index is empty, so the ledger marks all records as unconfirmed before it is created: a sync that
        is killed in between must not leave an empty index whose records count as confirmed.
        """
        if self._writer is None:
            missing = self.index.missing()
            if missing and (doubted := store.doubt_instance(self.conn, self.target.instance)):
                self._renewed = True
                log.warning(
                    f"{doubted:,} chunks were in an index that no longer exists; the next sync of each "
                    "source uploads them again"
                )
            if created := self.index.open():
                log.info(f"created the indexes {', '.join(created)}")
            self._writer = BatchWriter(self.index, self.target.namespace, self.limits)
        return self._writer

    # -- completion ------------------------------------------------------------------------------------

    def _await_batches(self, *, leave: int) -> None:
        for batch in self._writer.completed(leave=leave) if self._writer else ():
            self._settle_batch(batch)

    def _settle_batch(self, batch: PendingBatch) -> None:
        outcomes = batch.outcomes()
        written = [record_id for record_id, outcome in outcomes.items() if outcome.written]
        withdrawn = [record_id for record_id, outcome in outcomes.items() if outcome.withdrawn]
        done, absent = self._tally.completed(batch, outcomes)
        self._waiting += absent
        with self.conn.transaction():
            if batch.action == "delete":
                store.forget(self.conn, self.target, written)
            else:
                store.confirm(self.conn, self.target, written, self.session.clock.now())
            store.forget(self.conn, self.target, withdrawn)
            self._tally.settle(done)
        self._give_up_if_down(outcomes)

    def _give_up_if_down(self, outcomes: dict[str, Outcome]) -> None:
        """Raise after several consecutive batches of which no record could be sent."""
        unavailable = [o.error for o in outcomes.values() if isinstance(o.error, SourceUnavailable)]
        if unavailable and len(unavailable) == len(outcomes):
            self._outage.failed(unavailable[0])
        else:
            self._outage.succeeded()

    def _salvage(self) -> None:
        """Confirm what was written before the sync had to stop, so that it is not sent again."""
        for batch in self._writer.completed(leave=0) if self._writer else ():
            try:
                self._settle_batch(batch)
            except CollectorError:
                continue  # the first error is already being raised

    # -- deletions -------------------------------------------------------------------------------------

    def _remove(self, seen: store.SeenRecords, complete: bool, deleted: list[str], gone: list[str]) -> None:
        """Delete records that are no longer produced, from both indexes and then from the ledger."""
        for pages in (
            seen.orphans(complete=complete),
            seen.of_deleted(deleted) if deleted else (),
            store.of_sources(self.conn, self.target, gone) if gone else (),
        ):
            for ids in pages:
                if self.options.dry_run:
                    self._tally.would_delete(len(ids))
                    continue
                writer = self._opened()
                self._await_batches(leave=self.limits.in_flight - 1)
                store.doubt(self.conn, self.target, ids[:DELETE_IDS])
                writer.delete(ids[:DELETE_IDS])
            self._await_batches(leave=0)


def _record_ids(documents: Iterable[DocumentRecords]) -> list[str]:
    return list(dict.fromkeys(record.id for document in documents for record in document.records))
