"""One index: namespaces with records. Writes are acknowledged at once and visible to reads a little later."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from sandbox.pinecone import embedding

Namespace = dict[str, "Record"]
Vector: TypeAlias = list[float] | dict[int, float]
"""Of a dense index a list, of a sparse one the weight of each position."""


@dataclass(frozen=True)
class Record:
    """A stored record without its id; `fields` includes the text.

    :param vector: the client's own; otherwise it is the embedding of the text.
    """

    fields: Mapping[str, Any]
    text: str
    vector: Vector | None = None


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

    :param lag: returns the seconds until a write becomes visible.
    :param now: returns the current time in seconds.
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
    _visible: dict[str, Namespace] = field(default_factory=dict)
    _pending: deque[tuple[float, str, str, Record | None]] = field(default_factory=deque)
    _sorted: dict[str, list[str]] = field(default_factory=dict)

    @property
    def ready(self) -> bool:
        """Whether the index is initialized and answers requests."""
        return self.now() >= self.ready_at

    def put(self, namespace: str, record_id: str, record: Record) -> None:
        """Store a record; the first one creates the namespace."""
        self.stored.setdefault(namespace, {})[record_id] = record
        self._pending.append((self.now() + self.lag(), namespace, record_id, record))

    def change(self, namespace: str, record_id: str, metadata: Mapping[str, Any]) -> None:
        """Set some fields of a record, if it exists; its other fields and its vector stay."""
        if (record := self.stored.get(namespace, {}).get(record_id)) is not None:
            self.put(namespace, record_id, replace(record, fields={**record.fields, **metadata}))

    def remove(self, namespace: str, record_id: str) -> None:
        """Delete a record; an unknown id is not an error."""
        if self.stored.get(namespace, {}).pop(record_id, None) is not None:
            self._pending.append((self.now() + self.lag(), namespace, record_id, None))

    def drop(self, namespace: str) -> None:
        """Delete a namespace with all its records, without lag."""
        self.stored.pop(namespace, None)
        self._visible.pop(namespace, None)
        self._sorted.pop(namespace, None)
        self._pending = deque(entry for entry in self._pending if entry[1] != namespace)

    def visible(self, namespace: str) -> Namespace:
        """Return the records of a namespace that reads find now."""
        self._settle()
        return self._visible.get(namespace, {})

    def sorted_ids(self, namespace: str) -> list[str]:
        """Return the ids that reads find, in byte order."""
        records = self.visible(namespace)
        if namespace not in self._sorted:
            self._sorted[namespace] = sorted(records)
        return self._sorted[namespace]

    def namespaces(self) -> dict[str, int]:
        """Return how many records reads find in each namespace."""
        self._settle()
        return {name: len(records) for name, records in self._visible.items()}

    def nearest(self, namespace: str, text: str, count: int) -> Iterator[tuple[str, float, Record]]:
        """Yield the records most similar to a text, with their scores, best first."""
        records = self.visible(namespace)
        query = self._embed(text)
        scores = [(_similarity(query, self.vector_of(r)), i) for i, r in records.items()]
        if self.model.dimension is None:
            scores = [(score, record_id) for score, record_id in scores if score > 0]
        scores.sort(key=lambda pair: (-pair[0], pair[1]))
        for score, record_id in scores[:count]:
            yield record_id, score, records[record_id]

    def vector_of(self, record: Record) -> Vector:
        """Return the vector of a record."""
        return self._embed(record.text) if record.vector is None else record.vector

    def _embed(self, text: str) -> Vector:
        size = self.model.dimension
        return embedding.sparse(text) if size is None else embedding.dense(text, size)

    def _settle(self) -> None:
        now = self.now()
        while self._pending and self._pending[0][0] <= now:
            _, namespace, record_id, record = self._pending.popleft()
            self._sorted.pop(namespace, None)
            if record is None:
                self._visible.get(namespace, {}).pop(record_id, None)
            else:
                self._visible.setdefault(namespace, {})[record_id] = record


def _similarity(query: Vector, vector: Vector) -> float:
    if isinstance(query, dict) and isinstance(vector, dict):
        return embedding.dot(query, vector)
    return embedding.cosine(list(query), list(vector))
