"""What the engine needs of the vector index: two kinds of index, written one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol

IndexKind = Literal["dense", "sparse"]
KINDS: tuple[IndexKind, ...] = ("dense", "sparse")


class Found(Protocol):
    """A record found by a search."""

    @property
    def id(self) -> str:
        """The id of the record."""

    @property
    def score(self) -> float:
        """The similarity to the query; comparable only within one answer."""

    @property
    def fields(self) -> Mapping[str, Any]:
        """The text and metadata of the record."""


class Writer(Protocol):
    """What a sync needs of the index; opened when there is something to write, used by several threads."""

    def missing(self) -> tuple[str, ...]:
        """Return the names of the indexes that `open` would have to create."""

    def open(self) -> tuple[str, ...]:
        """Open both indexes; return the names of those that had to be created."""

    def upsert(self, kind: IndexKind, namespace: str, records: Sequence[Mapping[str, Any]]) -> None:
        """Store all records or, on failure, none."""

    def update(self, kind: IndexKind, namespace: str, records: Sequence[Mapping[str, Any]]) -> set[str]:
        """Replace metadata of records; return the ids of those that are not stored with this text."""

    def delete(self, kind: IndexKind, namespace: str, ids: Sequence[str]) -> None:
        """Delete records."""


class Reader(Protocol):
    """What an audit needs of the index."""

    def missing(self) -> tuple[str, ...]:
        """Return the names of the indexes that `open` would have to create."""

    def open(self) -> tuple[str, ...]:
        """Open both indexes; return the names of those that had to be created."""

    def ids(self, kind: IndexKind, namespace: str) -> Iterator[list[str]]:
        """Yield the ids of a namespace page by page."""

    def fetch(self, kind: IndexKind, namespace: str, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        """Return stored fields by id."""

    def delete(self, kind: IndexKind, namespace: str, ids: Sequence[str]) -> None:
        """Delete records."""


class Searcher(Protocol):
    """What a search needs of the index."""

    def open(self, *, create: bool = True) -> tuple[str, ...]:
        """Open both indexes; without `create`, a missing one is an error."""

    def search(self, kind: IndexKind, namespace: str, text: str, count: int) -> Sequence[Found]:
        """Return the records nearest to a text, nearest first."""
