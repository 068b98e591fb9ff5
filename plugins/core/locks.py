"""One writer per collector at a time, ensured by an advisory lock on the writing connection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg

from core.database import Conn, scrubbed
from core.errors import CollectorBusy

TRY_LOCK = "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))"
UNLOCK = "SELECT pg_advisory_unlock(hashtextextended(%s, 0))"


@contextmanager
def collector_lock(conn: Conn, command: str, scope: str = "") -> Iterator[None]:
    """Hold the lock of a command and scope for the whole collection.

    PostgreSQL releases it when the connection ends, so a process that dies leaves no lock behind. The
    connection that writes holds it, so a task that lost the lock cannot write.

    :param scope: the part of the source that the options narrow the collection to.
    """
    name = f"collector/{command}/{scope}"
    with scrubbed():
        row = conn.execute(TRY_LOCK, (name,)).fetchone()
    if row is None or not row[0]:
        raise CollectorBusy(
            f"{command} is already running{f' for {scope}' if scope else ''}; retried in a minute"
        )
    try:
        yield
    finally:
        # A lost connection has already released the lock; failing here would hide why it was lost.
        with suppress(psycopg.OperationalError):
            conn.execute(UNLOCK, (name,))
