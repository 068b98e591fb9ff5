"""The keys that a complete listing has shown so far, kept as long as it takes to read it.

A listing may be longer than one run, or one window of quota. What a tracker has stored and the listing, read
to its end, has not shown is gone.
"""

from __future__ import annotations

from collections.abc import Iterable

from core.database import Conn, execute


def add(conn: Conn, source: str, scope: str, stream: str, keys: Iterable[str]) -> None:
    """Add the keys of a page, in the transaction that moves the checkpoint past it."""
    if found := sorted(set(keys)):
        execute(conn, "core/add_seen", {"source": source, "scope": scope, "stream": stream, "keys": found})


def forget(conn: Conn, source: str, scope: str, stream: str) -> None:
    """Remove all keys: another listing begins, or what is gone is known."""
    execute(conn, "core/forget_seen", {"source": source, "scope": scope, "stream": stream})
