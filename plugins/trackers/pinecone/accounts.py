"""The books of one sync: what was counted, what failed and why, which source ids are settled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import structlog

from core.clock import Clock
from core.database import Conn
from core.errors import NotFound
from core.progress import Progress
from trackers.pinecone import store
from trackers.pinecone.comparing import Difference, Item
from trackers.pinecone.contract import Target
from trackers.pinecone.courier import Flight, Outcomes
from trackers.pinecone.cutting import Work
from trackers.pinecone.result import SyncResult

NAMED_IN_LOG = 10
log = structlog.get_logger("collector")
Settled = Callable[[Sequence[str], Sequence[str]], None]
"""Told the source ids that are in the index and those that failed, in the transaction that says so."""
COUNTED_AS = {"upload": "uploaded", "update": "updated", "delete": "deleted"}


@dataclass
class Accounts:
    """Counts, and keeps the list of failed source ids right.

    :param keep_ids: keep lists of source ids in the result; they grow with the source.
    """

    conn: Conn
    target: Target
    progress: Progress
    clock: Clock
    keep_ids: bool = False
    on_settled: Settled | None = None
    result: SyncResult = field(default_factory=SyncResult)
    any_failed_before: bool = False
    incomplete: bool = False
    """Whether something failed that no list remembers: then the status must stay, so that it comes again."""

    def __post_init__(self) -> None:
        self._failed: set[str] = set()

    # -- documents -------------------------------------------------------------------------------------

    def skip(self, reason: str, number: int = 1) -> None:
        """Count what is left out."""
        self.result.skipped[reason] += number
        self.progress.count(f"skipped_{reason}", number)

    def without_id(self) -> None:
        """Count a document that has no name."""
        self.skip("without_id")
        if self.result.skipped["without_id"] <= NAMED_IN_LOG:
            log.warning("a document has neither doc_id nor url in its metadata and is left out")

    def compared(self, works: Sequence[Work], difference: Difference) -> None:
        """Count a window of documents that was compared with the ledger."""
        self.progress.count("documents", len(works))
        self.progress.count("unchanged", difference.unchanged)
        self.result.unchanged += difference.unchanged
        for work in works:
            if self.keep_ids:
                self.result.attempted_source_ids += work.source_ids
            if work.too_short:
                self.skip("short")
            for reason, number in work.dropped.items():
                self.skip(f"chunk_{reason}", number)
            if work.cut_metadata:
                self.progress.count("metadata_cut")
                log.warning(f"{work.doc_id}: metadata too large, cut: {', '.join(work.cut_metadata)}")
            for reason in [work.problem] if work.problem else work.failures:
                self._blame(work.doc_id, reason)

    def would_write(self, difference: Difference) -> None:
        """Count what a real sync would do, and name the first of it."""
        self.result.upserted += len(difference.upload)
        self.result.updated += len(difference.update)
        for verb, items in (("would_upload", difference.upload), ("would_update", difference.update)):
            for item in items[: max(0, NAMED_IN_LOG - self.progress.counts[verb])]:
                log.info(f"{verb.replace('_', ' ')} {item.record.id} of {item.work.doc_id}")
            self.progress.count(verb, len(items))

    def would_delete(self, number: int) -> None:
        """Count what a real sync would delete."""
        self.result.deleted += number
        self.progress.count("would_delete", number)

    # -- what came of writing --------------------------------------------------------------------------

    def landed(self, flight: Flight, outcomes: Outcomes) -> tuple[list[Work], list[Item]]:
        """Count what became of each record.

        Return the documents of which nothing is under way any more, and the records that were to be updated
        and are not in the index.
        """
        done: list[Work] = []
        absent: list[Item] = []
        for record_id, outcome in outcomes.items():
            item = flight.items[record_id]
            if item and flight.action == "update" and isinstance(outcome.error, NotFound):
                absent.append(item)
                continue
            if outcome.error is None:
                self._count(flight.action)
            else:
                what = item.work.doc_id if item else record_id
                self._blame(what, str(outcome.error), outcome.error, update=flight.action == "update")
                self.incomplete |= item is None
            if item:
                if outcome.error is not None:
                    item.work.fail(str(outcome.error), refused=outcome.refused)
                item.work.outstanding -= 1
                if not item.work.outstanding:
                    done.append(item.work)
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

    def settle(self, works: Iterable[Work]) -> None:
        """Write down what came of documents: a source id that failed anywhere is listed, others are not."""
        works = list(works)
        bad = [work for work in works if work.failed]
        refused = {s: w.reason for w in bad if w.refused for s in w.source_ids}
        lost = {s: w.reason for w in bad for s in w.source_ids if s not in refused}
        self.incomplete |= any(not work.source_ids and not work.refused for work in bad)
        self._failed |= refused.keys() | lost.keys()
        well = [s for w in works if not w.failed for s in w.source_ids if s not in self._failed]
        self.result.failed_count = len(self._failed)
        if self.keep_ids:
            self.result.failed_ids = sorted(self._failed)
            self.result.successful_source_ids += well
        cleared = well if self.any_failed_before else []
        if not (bad or cleared or (works and self.on_settled)):
            return
        now = self.clock.now()
        with self.conn.transaction():
            store.record_failed_ids(self.conn, self.target, refused, now)
            store.record_failed_ids(self.conn, self.target, lost, now, counted=False)
            if cleared:
                store.clear_failed_ids(self.conn, self.target, cleared)
            if self.on_settled is not None:
                self.on_settled(well, sorted(refused.keys() | lost.keys()))

    def settle_gone(self, gone: Sequence[str]) -> None:
        """Take off the list what no longer exists."""
        if gone:
            with self.conn.transaction():
                store.clear_failed_ids(self.conn, self.target, [s for s in gone if s not in self._failed])
