"""One index: namespaces with records. Writes are acknowledged at once and seen by reads a little later."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.pinecone import embedding

Namespace = dict[str, "Record"]


@dataclass(frozen=True)
class Record:
    """A stored record: everything but its id, the text included."""

    fields: Mapping[str, Any]
    text: str


@dataclass(frozen=True)
class Model:
    """A hosted embedding model."""

    name: str
    vector_type: str
    metric: str
    dimension: int | None = None


MODELS = {
    model.name: model
    for model in (
        Model("multilingual-e5-large", "dense", "cosine", 1024),
        Model("llama-text-embed-v2", "dense", "cosine", 1024),
        Model("pinecone-sparse-english-v0", "sparse", "dotproduct"),
    )
}


@dataclass
class Index:
    """A serverless index with integrated embedding.

    :param lag: tells how many seconds pass until a write is seen.
    :param now: tells the time.
    """

    name: str
    model: Model
    text_field: str
    cloud: str
    region: str
    ready_at: float
    now: Callable[[], float]
    lag: Callable[[], float]
    tags: Mapping[str, str] = field(default_factory=dict)
    deletion_protection: str = "disabled"
    stored: dict[str, Namespace] = field(default_factory=dict)
    _seen: dict[str, Namespace] = field(default_factory=dict)
    _coming: deque[tuple[float, str, str, Record | None]] = field(default_factory=deque)
    _sorted: dict[str, list[str]] = field(default_factory=dict)

    @property
    def ready(self) -> bool:
        """Whether the index answers."""
        return self.now() >= self.ready_at

    def put(self, namespace: str, record_id: str, record: Record) -> None:
        """Store a record; a namespace appears with its first one."""
        self.stored.setdefault(namespace, {})[record_id] = record
        self._coming.append((self.now() + self.lag(), namespace, record_id, record))

    def change(self, namespace: str, record_id: str, metadata: Mapping[str, Any]) -> bool:
        """Set some fields of a record; others stay. The vector stays, too."""
        record = self.stored.get(namespace, {}).get(record_id)
        if record is None:
            return False
        self.put(namespace, record_id, Record({**record.fields, **metadata}, record.text))
        return True

    def remove(self, namespace: str, record_id: str) -> None:
        """Delete a record; one that does not exist is no error."""
        if self.stored.get(namespace, {}).pop(record_id, None) is not None:
            self._coming.append((self.now() + self.lag(), namespace, record_id, None))

    def drop(self, namespace: str) -> None:
        """Delete a namespace with all its records, at once."""
        self.stored.pop(namespace, None)
        self._seen.pop(namespace, None)
        self._sorted.pop(namespace, None)
        self._coming = deque(entry for entry in self._coming if entry[1] != namespace)

    def seen(self, namespace: str) -> Namespace:
        """Return what reads find in a namespace now."""
        self._settle()
        return self._seen.get(namespace, {})

    def sorted_ids(self, namespace: str) -> list[str]:
        """Return the ids that reads find, in the order of their bytes."""
        records = self.seen(namespace)
        if namespace not in self._sorted:
            self._sorted[namespace] = sorted(records)
        return self._sorted[namespace]

    def namespaces(self) -> dict[str, int]:
        """Return how many records reads find in each namespace."""
        self._settle()
        return {name: len(records) for name, records in self._seen.items()}

    def nearest(self, namespace: str, text: str, count: int) -> Iterator[tuple[str, float, Record]]:
        """Yield records by how near they are to a text, nearest first."""
        records = self.seen(namespace)
        scores: list[tuple[float, str]]
        if self.model.dimension is None:
            query = embedding.sparse(text)
            found = ((embedding.dot(query, embedding.sparse(r.text)), i) for i, r in records.items())
            scores = [(score, record_id) for score, record_id in found if score > 0]
        else:
            asked = embedding.dense(text, self.model.dimension)
            size = self.model.dimension
            scores = [(embedding.cosine(asked, embedding.dense(r.text, size)), i) for i, r in records.items()]
        scores.sort(key=lambda pair: (-pair[0], pair[1]))
        for score, record_id in scores[:count]:
            yield record_id, score, records[record_id]

    def _settle(self) -> None:
        now = self.now()
        while self._coming and self._coming[0][0] <= now:
            _, namespace, record_id, record = self._coming.popleft()
            self._sorted.pop(namespace, None)
            if record is None:
                self._seen.get(namespace, {}).pop(record_id, None)
            else:
                self._seen.setdefault(namespace, {})[record_id] = record
