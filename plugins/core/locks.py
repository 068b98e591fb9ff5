"""One writer per collector at a time, ensured by an advisory lock on the writing connection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from core.database import Conn, execute, fetch
from core.errors import CollectorBusy, CollectorFailureCategory, DatabaseFailure


@contextmanager
def collector_lock(conn: Conn, command: str, scope: str = "") -> Iterator[None]:
    """Hold the lock of a command and scope for the whole collection.

    PostgreSQL releases it when the connection ends, so a process that dies leaves no lock behind. The
    connection that writes holds it, so a task that lost the lock cannot write.

    :param scope: the part of the source that the options narrow the collection to.
    """
    name = f"collector/{command}/{scope}"
    if fetch(conn, "core/try_lock", {"name": name}) != [(True,)]:
        raise CollectorBusy(
            f"{command} is already running{f' for {scope}' if scope else ''}; retried in a minute"
        )
    try:
        yield
    finally:
        # A lost connection has already released the lock; failing here would hide why it was lost.
        try:
            execute(conn, "core/release_lock", {"name": name})
        except DatabaseFailure as failure:
            if failure.category is not CollectorFailureCategory.NETWORK:
                raise
