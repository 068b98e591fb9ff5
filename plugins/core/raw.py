"""The raw payload archive: the newest bytes received per item, kept beside the rows derived from them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from core import tables
from core.database import Conn, MergeCounts, execute, fetch, merge

KEYS_PER_QUERY = 1000
BYTES_PER_QUERY = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
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
    for part in batches(conn, source, kind, prefix=prefix):
        yield from part


def batches(conn: Conn, source: str, kind: str, *, prefix: str = "") -> Iterator[list[RawItem]]:
    """Yield payloads in the order of their keys, in batches of at most 8 MB (or one item).

    Reads by keyset, not by a server cursor, so that the caller may commit between batches. A batch ends by
    bytes, which the general `pages` cannot do.
    """
    query = {"source": source, "kind": kind, "prefix": prefix, "after": ""}
    while True:
        limits = {"limit": KEYS_PER_QUERY, "bytes": BYTES_PER_QUERY}
        # Never prepared: a plan for any prefix would read the keys of all prefixes.
        rows = fetch(conn, "core/read_raw_after", query | limits, prepare=False, binary=True)
        if not rows:
            return
        query["after"] = rows[-1][0]
        yield [RawItem(*row) for row in rows]


def read(conn: Conn, source: str, kind: str, keys: list[str]) -> list[RawItem]:
    """Return the payloads with these keys, in the order of the keys; missing ones are left out."""
    query = {"source": source, "kind": kind, "keys": keys}
    return [RawItem(*row) for row in fetch(conn, "core/read_raw", query, binary=True)]


def stored(conn: Conn, source: str, kind: str, keys: list[str]) -> set[str]:
    """Return those of the keys that have a payload."""
    query = {"source": source, "kind": kind, "keys": keys}
    return {key for (key,) in fetch(conn, "core/find_raw_keys", query)}


def delete(conn: Conn, source: str, kind: str, keys: list[str]) -> None:
    """Forget payloads that newer ones of another kind have overtaken."""
    if keys:
        execute(conn, "core/delete_raw", {"source": source, "kind": kind, "keys": keys})
