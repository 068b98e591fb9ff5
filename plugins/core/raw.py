"""The raw payload archive: the newest bytes received per item, kept beside the rows derived from them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from core import tables
from core.database import Conn, MergeCounts, merge, scrubbed
from core.sql import sql

KEYS_PER_QUERY = 1000
BYTES_PER_QUERY = 8 * 1024 * 1024


@dataclass(frozen=True)
class RawItem:
    """One payload as it was received.

    :param stable: the bytes to compare by, where the body holds fields that change by themselves.
    """

    key: str
    body: bytes
    fetched_at: datetime
    content_type: str = "application/json"
    stable: bytes | None = None

    @property
    def sha256(self) -> bytes:
        """Digest of what identifies the content."""
        return hashlib.sha256(self.body if self.stable is None else self.stable).digest()


def save(conn: Conn, source: str, kind: str, items: Iterable[RawItem]) -> MergeCounts:
    """Store payloads in the caller's transaction; an unchanged one is not written again."""
    rows = [
        {
            "source": source,
            "kind": kind,
            "key": item.key,
            "fetched_at": item.fetched_at,
            "content_type": item.content_type,
            "sha256": item.sha256,
            "body": item.body,
        }
        for item in items
    ]
    return merge(conn, tables.raw_payload, rows, touch=("fetched_at", "content_type", "body"))


def iterate(conn: Conn, source: str, kind: str, *, prefix: str = "") -> Iterator[RawItem]:
    """Yield payloads in the order of their keys. The caller may commit meanwhile."""
    for part in slices(conn, source, kind, prefix=prefix):
        yield from part


def slices(conn: Conn, source: str, kind: str, *, prefix: str = "") -> Iterator[list[RawItem]]:
    """Yield payloads in the order of their keys, in slices of at most 8 MB (or one item).

    Reads by keyset, not by a server cursor, so that the caller may commit between slices.
    """
    after = ""
    while True:
        query = {"source": source, "kind": kind, "prefix": prefix, "after": after, "limit": KEYS_PER_QUERY}
        with scrubbed():
            # Never prepared: a plan for any prefix would read the keys of all prefixes.
            sizes = conn.execute(sql("core/list_raw_keys"), query, prepare=False).fetchall()
        if not sizes:
            return
        for keys in _by_size(sizes):
            yield read(conn, source, kind, keys)
        after = sizes[-1][0]


def read(conn: Conn, source: str, kind: str, keys: list[str]) -> list[RawItem]:
    """Return the payloads with these keys, in the order of the keys; missing ones are left out."""
    with scrubbed():
        rows = conn.execute(sql("core/read_raw"), {"source": source, "kind": kind, "keys": keys}).fetchall()
    return [
        RawItem(key, bytes(body), fetched_at, content_type) for key, body, content_type, fetched_at in rows
    ]


def delete(conn: Conn, source: str, kind: str, keys: list[str]) -> None:
    """Forget payloads that newer ones of another kind have overtaken."""
    if keys:
        with scrubbed():
            conn.execute(sql("core/delete_raw"), {"source": source, "kind": kind, "keys": keys})


def _by_size(sizes: list[tuple[str, int]]) -> Iterator[list[str]]:
    keys: list[str] = []
    total = 0
    for key, size in sizes:
        if keys and total + size > BYTES_PER_QUERY:
            yield keys
            keys, total = [], 0
        keys.append(key)
        total += size
    if keys:
        yield keys
