"""Writes batches to the two indexes, several at a time, and returns the outcome of each record."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, TypeAlias

from core.errors import CollectorError, RequestRefused, SourceUnavailable, UnexpectedPayload
from trackers.pinecone.diff import PendingRecord
from trackers.pinecone.index import KINDS, IndexKind, Writer
from trackers.pinecone.sync_limits import SyncLimits

REFUSALS = (RequestRefused, UnexpectedPayload)
Send: TypeAlias = Callable[[IndexKind, Sequence[Mapping[str, Any]]], set[str]]
"""Writes records to one index, and returns the ids of those it could not update."""


@dataclass
class Outcome:
    """The outcome of writing one record."""

    error: CollectorError | None = None
    absent: bool = False
    """Whether it was to be updated, but at least one index does not have its text."""
    withdrawn: bool = False
    """Whether it was deleted from both indexes, so that neither contains an older version of it."""

    @property
    def written(self) -> bool:
        """Whether both indexes accepted it."""
        return self.error is None and not self.absent

    @property
    def refused(self) -> bool:
        """Whether the index refused this record, rather than being unavailable."""
        return isinstance(self.error, REFUSALS)


Outcomes = dict[str, Outcome]


@dataclass
class PendingBatch:
    """A batch that is being written."""

    action: str
    items: dict[str, PendingRecord | None]
    future: Future[Outcomes]

    def outcomes(self) -> Outcomes:
        """Return the outcomes of its records; an error that stops the whole sync is raised."""
        return self.future.result()


class BatchWriter:
    """Writes to one namespace of both indexes, dense before sparse."""

    def __init__(self, index: Writer, namespace: str, limits: SyncLimits) -> None:
        self._index, self._namespace = index, namespace
        self._pool = ThreadPoolExecutor(limits.in_flight, thread_name_prefix="pinecone")
        self._pending: list[PendingBatch] = []

    # -- submitting -----------------------------------------------------------------------------------

    def upload(self, items: Sequence[PendingRecord]) -> None:
        """Send a batch of records."""
        self._submit("upload", {item.record.id: item for item in items}, lambda: self._upload(items))

    def update(self, items: Sequence[PendingRecord]) -> None:
        """Send the metadata of a batch of records."""
        self._submit("update", {item.record.id: item for item in items}, lambda: self._update(items))

    def delete(self, ids: Sequence[str]) -> None:
        """Send ids to delete."""
        self._submit("delete", dict.fromkeys(ids), lambda: self._delete(ids))

    def _submit(
        self, action: str, items: dict[str, PendingRecord | None], call: Callable[[], Outcomes]
    ) -> None:
        self._pending.append(PendingBatch(action, items, self._pool.submit(call)))

    # -- completion ------------------------------------------------------------------------------------

    def completed(self, *, leave: int) -> Iterator[PendingBatch]:
        """Yield batches as they complete, waiting until at most `leave` are in flight."""
        while self._pending:
            done = [batch for batch in self._pending if batch.future.done()]
            if not done and len(self._pending) <= leave:
                return
            if not done:
                wait([batch.future for batch in self._pending], return_when=FIRST_COMPLETED)
            for batch in done:
                self._pending.remove(batch)
                yield batch

    def close(self, *, wait_for_requests: bool = False) -> None:
        """Cancel requests that have not started; optionally wait for those in flight."""
        self._pool.shutdown(wait=wait_for_requests, cancel_futures=True)

    # -- requests (in threads) -------------------------------------------------------------------------

    def _upload(self, items: Sequence[PendingRecord]) -> Outcomes:
        def send(kind: IndexKind, records: Sequence[Mapping[str, Any]]) -> set[str]:
            self._index.upsert(kind, self._namespace, records)
            return set()

        return self._write(items, send)

    def _update(self, items: Sequence[PendingRecord]) -> Outcomes:
        return self._write(items, lambda kind, records: self._index.update(kind, self._namespace, records))

    def _write(self, items: Sequence[PendingRecord], send: Send) -> Outcomes:
        """Write a batch; if it is refused, halve it until the refused record is alone."""
        absent: set[str] = set()
        try:
            for kind in KINDS:
                absent |= send(kind, [item.record.body for item in items])
        except REFUSALS as error:
            if len(items) == 1:
                return {items[0].record.id: self._withdraw(items[0].record.id, error)}
            middle = len(items) // 2
            return self._write(items[:middle], send) | self._write(items[middle:], send)
        except SourceUnavailable as error:
            return {item.record.id: Outcome(error) for item in items}
        return {item.record.id: Outcome(absent=item.record.id in absent) for item in items}

    def _withdraw(self, record_id: str, refusal: CollectorError) -> Outcome:
        """Delete a refused record, because an index may contain an older version or only one index has it."""
        try:
            for kind in KINDS:
                self._index.delete(kind, self._namespace, [record_id])
        except SourceUnavailable:
            return Outcome(refusal)
        return Outcome(refusal, withdrawn=True)

    def _delete(self, ids: Sequence[str]) -> Outcomes:
        try:
            for kind in KINDS:
                self._index.delete(kind, self._namespace, ids)
        except (SourceUnavailable, *REFUSALS) as error:
            return {record_id: Outcome(error) for record_id in ids}
        return {record_id: Outcome() for record_id in ids}
