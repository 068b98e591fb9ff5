"""Carries writes to the two indexes, several at a time, and brings back what became of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from core.errors import CollectorError, NotFound, RequestRefused, SourceUnavailable, UnexpectedPayload
from trackers.pinecone.comparing import Item
from trackers.pinecone.index import KINDS, Writer
from trackers.pinecone.limits import EngineLimits

REFUSALS = (RequestRefused, UnexpectedPayload)


@dataclass
class Outcome:
    """What became of one record."""

    error: CollectorError | None = None
    withdrawn: bool = False
    """Whether it was taken out of both indexes, so that neither holds an older version of it."""

    @property
    def refused(self) -> bool:
        """Whether the index refused this very record, rather than being out of reach."""
        return isinstance(self.error, REFUSALS)


Outcomes = dict[str, Outcome]


@dataclass
class Flight:
    """A batch on its way: what it carries, and the requests under way for it."""

    action: str
    items: dict[str, Item | None]
    futures: list[Future[Outcomes]] = field(default_factory=list)

    def outcomes(self) -> Outcomes:
        """Return what became of its records; raises what stops the whole sync."""
        found: Outcomes = {}
        for future in self.futures:
            found |= future.result()
        return found


class Courier:
    """Writes to one namespace of both indexes, dense before sparse."""

    def __init__(self, index: Writer, namespace: str, limits: EngineLimits) -> None:
        self._index, self._namespace, self._limits = index, namespace, limits
        self._pool = ThreadPoolExecutor(
            max(limits.in_flight, limits.update_workers), thread_name_prefix="pinecone"
        )
        self._flying: list[Flight] = []

    # -- taking off ------------------------------------------------------------------------------------

    def upload(self, items: Sequence[Item]) -> None:
        """Send a batch; it counts as one in flight."""
        flight = Flight("upload", {item.record.id: item for item in items})
        self._fly(flight, [lambda: self._upload(items)])

    def update(self, items: Sequence[Item]) -> None:
        """Send metadata, one record per request, as many at a time as the settings allow."""
        flight = Flight("update", {item.record.id: item for item in items})
        lanes = [items[n :: self._limits.update_workers] for n in range(self._limits.update_workers)]
        self._fly(flight, [self._updating(lane) for lane in lanes if lane])

    def delete(self, ids: Sequence[str]) -> None:
        """Send ids to delete."""
        flight = Flight("delete", dict.fromkeys(ids))
        self._fly(flight, [lambda: self._delete(ids)])

    def _fly(self, flight: Flight, calls: Sequence[Callable[[], Outcomes]]) -> None:
        flight.futures = [self._pool.submit(call) for call in calls]
        self._flying.append(flight)

    # -- landing ---------------------------------------------------------------------------------------

    def landed(self, *, leave: int) -> Iterator[Flight]:
        """Yield flights as they come back, waiting until at most `leave` are under way."""
        while self._flying:
            back = [f for f in self._flying if all(future.done() for future in f.futures)]
            if not back and len(self._flying) <= leave:
                return
            if not back:
                wait(
                    [x for f in self._flying for x in f.futures if not x.done()], return_when=FIRST_COMPLETED
                )
            for flight in back:
                self._flying.remove(flight)
                yield flight

    def close(self, *, wait_for_requests: bool = False) -> None:
        """Send nothing more."""
        self._pool.shutdown(wait=wait_for_requests, cancel_futures=True)

    # -- under way (in threads) ------------------------------------------------------------------------

    def _upload(self, items: Sequence[Item]) -> Outcomes:
        """Write a batch; halve one that is refused until the record that is to blame stands alone."""
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
        """Take out what the indexes may hold of a refused record: an older version, or a half of it."""
        try:
            for kind in KINDS:
                self._index.delete(kind, self._namespace, [record_id])
        except SourceUnavailable:
            return Outcome(refusal)
        return Outcome(refusal, withdrawn=True)

    def _updating(self, items: Sequence[Item]) -> Callable[[], Outcomes]:
        return lambda: {item.record.id: self._update(item) for item in items}

    def _update(self, item: Item) -> Outcome:
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
