"""One sync of one source: what changed goes up, what is gone comes down, what failed is kept for next time.

Crash safety rests on one rule: before anything is sent, the ledger says that nobody knows what the index
holds of it; only when both indexes took it, the ledger says so. Whatever a killed sync left in doubt is
tried again by the next one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Any

import structlog

from core.clock import Clock
from core.database import Conn
from core.errors import CollectorError, SourceUnavailable
from core.progress import Progress
from trackers.pinecone import store
from trackers.pinecone.accounts import Accounts, Settled
from trackers.pinecone.chunking import Splitter
from trackers.pinecone.comparing import Difference, Item, compare
from trackers.pinecone.contract import Given, PreprocessFn, Target, as_given, as_preprocessed
from trackers.pinecone.courier import Courier, Flight, Outcome
from trackers.pinecone.cutting import Cutter
from trackers.pinecone.index import Writer
from trackers.pinecone.limits import DELETE_IDS, EngineLimits
from trackers.pinecone.result import SyncResult

OVERLAP = timedelta(minutes=5)
UNAVAILABLE_IN_A_ROW = 3
"""So many batches in a row that could not be sent mean that the service is down."""
log = structlog.get_logger("collector")


@dataclass(frozen=True)
class SyncOptions:
    """How one sync goes about it."""

    full_resync: bool = False
    dry_run: bool = False
    delete_orphans: bool = True
    max_documents: int | None = None
    collect_ids: bool = False


@dataclass
class Sync:
    """Brings one source's part of the index up to date.

    :param run_id: what asked for it, kept with the status.
    """

    conn: Conn
    index: Writer
    target: Target
    preprocess: PreprocessFn
    limits: EngineLimits
    options: SyncOptions
    progress: Progress
    clock: Clock
    splitter: Splitter | None = None
    on_settled: Settled | None = None

    def __post_init__(self) -> None:
        self._cutter = Cutter(self.limits, self.splitter)
        self._courier: Courier | None = None
        self._waiting: list[Item] = []
        self._updates: list[Item] = []
        self._accounts = Accounts(
            self.conn, self.target, self.progress, self.clock, self.options.collect_ids, self.on_settled
        )
        self._unavailable = 0
        self._renewed = self._cut_short = False

    @property
    def result(self) -> SyncResult:
        """What was done so far."""
        return self._accounts.result

    # -- the whole -------------------------------------------------------------------------------------

    def run(self) -> SyncResult:
        """Sync; raises if the service cannot be used at all. The status moves only at the very end."""
        last = store.get_final_sync_at(self.conn, self.target)
        complete = self.options.full_resync or last is None
        cutoff = min(self.clock.now(), store.database_clock(self.conn)) - OVERLAP
        failed_ids = self._to_try_again(complete)
        since = None if complete else last
        told = "everything" if since is None else f"what changed since {since:%Y-%m-%d %H:%M:%S} UTC"
        again = f", and {len(failed_ids):,} that failed" if failed_ids else ""
        log.info(f"{self.target}: {told}{again}")
        given = as_preprocessed(self.preprocess(failed_ids, since))
        seen = store.Seen(self.conn, self.target)
        self.progress.begin_unit(self.target.app_type)
        try:
            for documents, only_metadata in (
                (given.documents, False),
                (given.metas_to_update, True),
            ):
                for window in self._windows(documents):
                    self._one_window(window, seen, given.is_chunked, only_metadata)
            self._flush()
            self._land(leave=0)
            gone = list(given.gone_source_ids)
            if self.options.delete_orphans:
                self._remove(seen, complete and not self._cut_short, list(given.deleted_doc_ids), gone)
            if not self.options.dry_run:
                self._accounts.settle_gone(gone)
        except CollectorError:
            self._salvage()
            raise
        finally:
            if self._courier is not None:
                self._courier.close()
        if not (self.options.dry_run or self._cut_short or self._accounts.incomplete):
            moved_to = None if self._renewed else cutoff
            with self.conn.transaction():
                store.update_sync_status(self.conn, self.target, moved_to, self.clock.now())
        return self.result

    def _to_try_again(self, complete: bool) -> list[str]:
        now = self.clock.now()
        if not self.options.dry_run and not complete:
            store.reclaim_interrupted(self.conn, self.target, now)
        failed_ids = store.get_failed_ids(self.conn, self.target, now)
        self._accounts.any_failed_before = store.has_failures(self.conn, self.target)
        return failed_ids

    # -- documents -------------------------------------------------------------------------------------

    def _windows(self, documents: Iterable[Any]) -> Iterator[list[Given]]:
        """Yield documents by the hundreds, or fewer if they are large; memory stays flat."""
        left = None if self.options.max_documents is None else self.options.max_documents - self.result.total
        source = iter(documents)
        window: list[Given] = []
        # The first window fills one batch, so that it leaves at once.
        size, most = 0, min(self.limits.batch_size, self.limits.window)
        for document in source if left is None else islice(source, max(0, left)):
            self.result.total += 1
            given = as_given(document)
            if not given.base:
                self._accounts.without_id()
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
            log.info(f"stopped at {self.options.max_documents:,} documents; the next sync begins here again")

    def _one_window(
        self, window: list[Given], seen: store.Seen, is_chunked: bool, only_metadata: bool
    ) -> None:
        works = [self._cutter.work(g, is_chunked=is_chunked, only_metadata=only_metadata) for g in window]
        record_ids = list(dict.fromkeys(record.id for work in works for record in work.records))
        seen.add_documents(dict.fromkeys(work.doc_id for work in works))
        new = seen.add_records(record_ids)
        seen.keep_documents([work.doc_id for work in works if work.problem])
        ledger = store.find_rows(self.conn, self.target, record_ids)
        waiting = [*self._waiting, *self._updates]
        difference = compare(works, ledger, new, self.target.app_type, waiting)
        self._accounts.compared(works, difference)
        if self.options.dry_run:
            self._accounts.would_write(difference)
        else:
            self._send(difference)
            self._accounts.settle(work for work in works if not work.outstanding)
        self.progress.advance(len(window))

    # -- sending ---------------------------------------------------------------------------------------

    def _send(self, difference: Difference) -> None:
        self._waiting += difference.upload
        while len(self._waiting) >= self.limits.batch_size:
            self._send_uploads()
        self._updates += difference.update
        while len(self._updates) >= self.limits.batch_size:
            self._send_updates()

    def _flush(self) -> None:
        while self._waiting or self._updates:
            if self._updates:
                self._send_updates()
            if self._waiting:
                self._send_uploads()
            # A record that was to be updated and is not there comes back to be uploaded.
            self._land(leave=0)

    def _send_uploads(self) -> None:
        items = self._next_batch()
        self._ready(items).upload(items)

    def _next_batch(self) -> list[Item]:
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

    def _ready(self, items: Sequence[Item]) -> Courier:
        """Make room for a batch and note what it is about to write."""
        courier = self._opened()
        self._land(leave=self.limits.in_flight - 1)
        store.intend(self.conn, self.target, [(i.record, i.work.doc_id, i.work.source_ids) for i in items])
        return courier

    def _opened(self) -> Courier:
        """Open the indexes when first needed. One that has to be created holds nothing of what we wrote.

        The ledger learns that before it is created: a sync killed in between must not leave an empty index
        that the ledger takes for the old one.
        """
        if self._courier is None:
            missing = self.index.missing()
            if missing and (doubted := store.doubt_instance(self.conn, self.target.instance)):
                self._renewed = True
                log.warning(
                    f"{doubted:,} chunks were in an index that is gone; the next sync of each source "
                    "uploads them again"
                )
            if created := self.index.open():
                log.info(f"created the indexes {', '.join(created)}")
            self._courier = Courier(self.index, self.target.namespace, self.limits)
        return self._courier

    # -- landing ---------------------------------------------------------------------------------------

    def _land(self, *, leave: int) -> None:
        for flight in self._courier.landed(leave=leave) if self._courier else ():
            self._landed(flight)

    def _landed(self, flight: Flight) -> None:
        outcomes = flight.outcomes()
        taken = [record_id for record_id, outcome in outcomes.items() if outcome.error is None]
        withdrawn = [record_id for record_id, outcome in outcomes.items() if outcome.withdrawn]
        done, absent = self._accounts.landed(flight, outcomes)
        self._waiting += absent
        with self.conn.transaction():
            if flight.action == "delete":
                store.forget(self.conn, self.target, taken)
            else:
                store.confirm(self.conn, self.target, taken, self.clock.now())
            store.forget(self.conn, self.target, withdrawn)
            self._accounts.settle(done)
        self._give_up_if_down(outcomes)

    def _give_up_if_down(self, outcomes: dict[str, Outcome]) -> None:
        errors = [outcome.error for outcome in outcomes.values()]
        if not errors or not all(isinstance(error, SourceUnavailable) for error in errors):
            self._unavailable = 0
            return
        self._unavailable += 1
        if self._unavailable >= UNAVAILABLE_IN_A_ROW and errors[0] is not None:
            raise errors[0]

    def _salvage(self) -> None:
        """Confirm what was taken before the sync had to stop, so that it is not sent again."""
        for flight in self._courier.landed(leave=0) if self._courier else ():
            try:
                self._landed(flight)
            except CollectorError:
                continue  # the first one is on its way up already

    # -- what is gone ----------------------------------------------------------------------------------

    def _remove(self, seen: store.Seen, complete: bool, deleted: list[str], gone: list[str]) -> None:
        """Delete what is no longer produced, from both indexes and then from the ledger."""
        for pages in (
            seen.orphans(complete=complete),
            store.of_documents(self.conn, self.target, deleted) if deleted else (),
            store.of_sources(self.conn, self.target, gone) if gone else (),
        ):
            for ids in pages:
                if self.options.dry_run:
                    self._accounts.would_delete(len(ids))
                    continue
                courier = self._opened()
                self._land(leave=self.limits.in_flight - 1)
                store.doubt(self.conn, self.target, ids[:DELETE_IDS])
                courier.delete(ids[:DELETE_IDS])
            self._land(leave=0)
