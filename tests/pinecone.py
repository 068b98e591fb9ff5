"""A source of documents for tests, and direct access to the sandbox's indexes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from core.database import Conn
from core.documents import Documents
from sandbox.pinecone.index import Index
from sandbox.world import World
from trackers.pinecone.index import KINDS
from trackers.pinecone.record import split_id

APP, NAMESPACE = "test", "ns"
INDEX = "boost"
WORDS = "allocator executor coroutine template regex parser socket buffer thread mutex future lambda".split()

TOO_LARGE = {f"key {n}": "x" * 90 for n in range(500)}
"""Metadata that Pinecone refuses, of which nothing is long enough to be cut."""


def text(number: int, size: int = 300) -> str:
    """A different text for each number."""
    words = [WORDS[(number * 7 + k * k) % len(WORDS)] for k in range(size // 8)]
    return f"Message {number} speaks of " + " ".join(words)


def document(number: int, content: str | None = None, **metadata: Any) -> dict[str, Any]:
    return {
        "content": text(number) if content is None else content,
        "metadata": {"doc_id": f"d{number}", "source_ids": f"s{number}", "number": number, **metadata},
    }


@dataclass
class Source:
    """Documents with the times of their last changes; can be called as a preprocess function.

    It remembers every deletion, also of a document that exists again.
    """

    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    changed: dict[str, datetime] = field(default_factory=dict)
    deleted: dict[str, datetime] = field(default_factory=dict)
    requested: list[tuple[list[str], datetime | None]] = field(default_factory=list)

    def put(self, now: datetime, *documents: dict[str, Any]) -> None:
        for each in documents:
            self.documents[each["metadata"]["doc_id"]] = each
            self.changed[each["metadata"]["doc_id"]] = now

    def drop(self, now: datetime, *doc_ids: str) -> None:
        for doc_id in doc_ids:
            del self.documents[doc_id]
            self.deleted[doc_id] = now

    def __call__(self, failed_ids: list[str], final_sync_at: datetime | None) -> Documents:
        self.requested.append((failed_ids, final_sync_at))
        since = final_sync_at
        return Documents(
            documents=self._select(failed_ids, since),
            gone_source_ids=[i for i in failed_ids if i.replace("s", "d", 1) not in self.documents],
            deleted_doc_ids=[d for d, at in self.deleted.items() if since is None or at >= since],
        )

    def _select(self, failed_ids: list[str], since: datetime | None) -> Iterable[dict[str, Any]]:
        for doc_id, each in sorted(self.documents.items()):
            again = each["metadata"].get("source_ids") in failed_ids
            if since is None or self.changed[doc_id] >= since or again:
                yield each


def index(world: World, kind: str = "dense") -> Index:
    name = INDEX if kind == "dense" else f"{INDEX}-sparse"
    return world.pinecone.projects["public"].indexes[name]


def ids(world: World, kind: str = "dense", namespace: str = NAMESPACE) -> set[str]:
    return set(index(world, kind).stored.get(namespace, {}))


def stored_fields(world: World, namespace: str) -> dict[str, dict[str, Any]]:
    """The fields of all records of a namespace in both indexes, by record id."""
    return {
        kind: {i: record.fields for i, record in index(world, kind).stored.get(namespace, {}).items()}
        for kind in KINDS
    }


def texts(world: World, kind: str = "dense", namespace: str = NAMESPACE) -> dict[str, str]:
    return {i: r.text for i, r in index(world, kind).stored.get(namespace, {}).items()}


def ledger_ids(conn: Conn, where: str = "synced_at IS NOT NULL") -> set[str]:
    return {row[0] for row in conn.execute(f"SELECT record_id FROM pinecone.ledger WHERE {where}")}


def failed(conn: Conn) -> dict[str, tuple[int, bool]]:
    rows = conn.execute("SELECT failed_id, attempts, dead FROM pinecone.failed_item ORDER BY failed_id")
    return {row[0]: (row[1], row[2]) for row in rows}


def status(conn: Conn) -> datetime | None:
    row = conn.execute(
        "SELECT final_sync_at FROM pinecone.sync_status WHERE app_type = %s", (APP,)
    ).fetchone()
    return row[0] if row else None


def writes(world: World) -> dict[str, int]:
    """The number of requests of each kind since the last call."""
    counts: dict[str, int] = {}
    for line in world.traffic.recent:
        path = line.partition("?")[0]
        name = "upsert_vectors" if path.endswith("/vectors/upsert") else path.rsplit("/", 1)[-1]
        counts[name] = counts.get(name, 0) + 1
    world.traffic.clear()
    return counts


def connection(sandbox: str, project: str = "public", **extra: Any) -> str:
    return json.dumps(
        {
            "conn_type": "boost_pinecone",
            "host": f"{sandbox}/pinecone",
            "password": f"pcsk_sandbox_{project}",
            "extra": json.dumps({"index_name": INDEX} | extra),
        }
    )


def both(world: World) -> set[str]:
    """The ids, after checking that both indexes have the same ones."""
    assert ids(world, "dense") == ids(world, "sparse")
    return ids(world)


def id_of(number: int, start: int = 0) -> str:
    return split_id(f"d{number}", start)


def assert_indexed(world: World, conn: Conn, *expected: str) -> None:
    assert both(world) == ledger_ids(conn) == set(expected)
    assert ledger_ids(conn, "synced_at IS NULL") == set()
