"""One writer per collector at a time, by an advisory lock on the writing connection itself."""

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
    """Hold the lock of a command (and of what its options narrow it to) for the whole collection.

    It ends with the connection, so a process that dies leaves none behind; and since it is held by the
    connection that writes, a task without the lock cannot write.
    """
    name = f"collector/{command}/{scope}"
    with scrubbed():
        row = conn.execute(TRY_LOCK, (name,)).fetchone()
    if row is None or not row[0]:
        raise CollectorBusy(
            f"{command} is already running{f' for {scope}' if scope else ''}; looked at again soon"
        )
    try:
        yield
    finally:
        # A connection that is lost has let go of the lock by itself, and must not hide why it was lost.
        with suppress(psycopg.OperationalError):
            conn.execute(UNLOCK, (name,))
