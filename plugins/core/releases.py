"""Finds the Boost releases that a consumer has not handled yet, recorded in `core.release_consumption`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from core.boost_version import loose
from core.database import Conn, execute, fetch


class ReleaseSource(Protocol):
    """Lists Boost's stable releases."""

    def published(self) -> Sequence[str]:
        """Return every stable release, as requested from the source."""

    def catalogued(self, conn: Conn) -> Sequence[str]:
        """Return the releases that are already stored; they count as history for a new consumer."""


def pending(
    conn: Conn, consumer: str, source: ReleaseSource, *, force: bool, now: datetime
) -> tuple[str, ...]:
    """Return the releases that a consumer has to handle, oldest first.

    A consumer's first call marks the stored releases as handled, unless `force` is set.
    """
    published = source.published()
    consumed = _consumed(conn, consumer)
    if not consumed and not force:
        history = source.catalogued(conn)
        consume(conn, consumer, history, now)
        consumed = set(history)
    return tuple(sorted(set(published) - consumed, key=loose))


def consume(conn: Conn, consumer: str, versions: Sequence[str], now: datetime) -> None:
    """Record that a consumer handled releases."""
    if versions:
        values = {"consumer": consumer, "versions": list(versions), "now": now}
        execute(conn, "core/consume_releases", values)


def _consumed(conn: Conn, consumer: str) -> set[str]:
    return {version for (version,) in fetch(conn, "core/consumed_releases", {"consumer": consumer})}
