"""Writes batches to the two indexes, several at a time, and returns the outcome of each record."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from core.errors import CollectorError, NotFound, RequestRefused, SourceUnavailable, UnexpectedPayload
from trackers.pinecone.diff import PendingRecord
from trackers.pinecone.index import KINDS, Writer
from trackers.pinecone.sync_limits import SyncLimits

REFUSALS = (RequestRefused, UnexpectedPayload)


@dataclass
class Outcome:
    """The outcome of writing one record."""

    error: CollectorError | None = None
    withdrawn: bool = False
    """Whether it was deleted from both indexes, so that neither contains an older version of it."""

    @property
    def refused(self) -> bool:
        """Whether the index refused this record, rather than being unavailable."""
        return isinstance(self.error, REFUSALS)


Outcomes = dict[str, Outcome]


@dataclass
class PendingBatch:
    """A batch that is being written, with the futures of its requests."""

    action: str
    items: dict[str, PendingRecord | None]
    futures: list[Future[Outcomes]] = field(default_factory=list)

    def outcomes(self) -> Outcomes:
        """Return the outcomes of its records; an error that stops the whole sync is raised."""
        found: Outcomes = {}
        for future in self.futures:
            found |= future.result()
        return found


class BatchWriter:
    """Writes to one namespace of both indexes, dense before sparse."""

    def __init__(self, index: Writer, namespace: str, limits: SyncLimits) -> None:
        self._index, self._namespace, self._limits = index, namespace, limits
        self._pool = ThreadPoolExecutor(
            max(limits.in_flight, limits.update_workers), thread_name_prefix="pinecone"
        )
        self._pending: list[PendingBatch] = []

    # -- submitting -----------------------------------------------------------------------------------

    def upload(self, items: Sequence[PendingRecord]) -> None:
        """Send a batch of records."""
        batch = PendingBatch("upload", {item.record.id: item for item in items})
        self._submit(batch, [lambda: self._upload(items)])

    def update(self, items: Sequence[PendingRecord]) -> None:
        """Send metadata, one record per request, as many concurrently as the settings allow."""
        batch = PendingBatch("update", {item.record.id: item for item in items})
        shares = [items[n :: self._limits.update_workers] for n in range(self._limits.update_workers)]
        self._submit(batch, [self._updating(share) for share in shares if share])

    def delete(self, ids: Sequence[str]) -> None:
        """Send ids to delete."""
        batch = PendingBatch("delete", dict.fromkeys(ids))
        self._submit(batch, [lambda: self._delete(ids)])

    def _submit(self, batch: PendingBatch, calls: Sequence[Callable[[], Outcomes]]) -> None:
        batch.futures = [self._pool.submit(call) for call in calls]
        self._pending.append(batch)

    # -- completion ------------------------------------------------------------------------------------

    def completed(self, *, leave: int) -> Iterator[PendingBatch]:
        """Yield batches as they complete, waiting until at most `leave` are in flight."""
        while self._pending:
            done = [b for b in self._pending if all(future.done() for future in b.futures)]
            if not done and len(self._pending) <= leave:
                return
            if not done:
                running = [f for b in self._pending for f in b.futures if not f.done()]
                wait(running, return_when=FIRST_COMPLETED)
            for batch in done:
                self._pending.remove(batch)
                yield batch

    def close(self, *, wait_for_requests: bool = False) -> None:
        """Cancel requests that have not started; optionally wait for those in flight."""
        self._pool.shutdown(wait=wait_for_requests, cancel_futures=True)

    # -- requests (in threads) -------------------------------------------------------------------------

    def _upload(self, items: Sequence[PendingRecord]) -> Outcomes:
        """Write a batch; if it is refused, halve it until the refused record is alone."""
        try:
            for kind in KINDS:
                self._index.upsert(kind, self._namespace, [item.record.body for item in items])
        except REFUSALS as error:
            if len(items) == 1:
                return {items[0].record.id: self._withdraw(items[0].record.id, error)}
            middle = len(items) // 2
            return self._upload(items[:middle]) | self._upload(items[middle:])
        except SourceUnavailable as error:
            return {item.record.id: Outcome(error) for item in items}
        return {item.record.id: Outcome() for item in items}

    def _withdraw(self, record_id: str, refusal: CollectorError) -> Outcome:
        """Delete a refused record, because an index may contain an older version or only one index has it."""
        try:
            for kind in KINDS:
                self._index.delete(kind, self._namespace, [record_id])
        except SourceUnavailable:
            return Outcome(refusal)
        return Outcome(refusal, withdrawn=True)

    def _updating(self, items: Sequence[PendingRecord]) -> Callable[[], Outcomes]:
        return lambda: {item.record.id: self._update(item) for item in items}

    def _update(self, item: PendingRecord) -> Outcome:
        try:
            for kind in KINDS:
                self._index.update(kind, self._namespace, item.record.id, item.record.metadata)
        except (NotFound, SourceUnavailable, *REFUSALS) as error:
            return Outcome(error)
        return Outcome()

    def _delete(self, ids: Sequence[str]) -> Outcomes:
        try:
            for kind in KINDS:
                self._index.delete(kind, self._namespace, ids)
        except (SourceUnavailable, *REFUSALS) as error:
            return {record_id: Outcome(error) for record_id in ids}
        return {record_id: Outcome() for record_id in ids}
