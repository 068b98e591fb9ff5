"""Checkpoints: the only way to store a stream's cursor.

A checkpoint moves inside the caller's transaction, and only from the revision that was read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from psycopg.pq import TransactionStatus
from psycopg.types.json import Jsonb

from core.clock import Clock, SystemClock
from core.database import Conn, fetch_one
from core.errors import CheckpointConflict


@dataclass(frozen=True)
class Checkpoint:
    """The position that a stream has reached; revision 0 means that nothing is stored yet."""

    source: str
    scope: str
    stream: str
    token: str | None = None
    marker: str | None = None
    extras: Mapping[str, Any] = field(default_factory=dict)
    revision: int = 0

    @property
    def checkpoint_token(self) -> str | None:
        """The token, as `IncrementalState` calls it."""
        return self.token

    @property
    def human_readable_marker(self) -> str | None:
        """The marker, as `IncrementalState` calls it."""
        return self.marker


def read(conn: Conn, source: str, scope: str, stream: str) -> Checkpoint:
    """Return the stored position, or one with revision 0."""
    key = {"source": source, "scope": scope, "stream": stream}
    row = fetch_one(conn, "core/read_checkpoint", key)
    if row is None:
        return Checkpoint(source, scope, stream)
    token, marker, extras, revision = row
    return Checkpoint(source, scope, stream, token, marker, extras, revision)


def advance(
    conn: Conn,
    checkpoint_read: Checkpoint,
    *,
    token: str | None = None,
    marker: str | None = None,
    extras: Mapping[str, Any] | None = None,
    clock: Clock | None = None,
) -> Checkpoint:
    """Move the checkpoint and return the new one.

    Raises `CheckpointConflict` if another run moved it since it was read: a task that outlived its supervisor
    must not overwrite what its own retry stored.
    """
    if conn.info.transaction_status is not TransactionStatus.INTRANS:
        raise RuntimeError("a checkpoint moves only inside the transaction that stores the rows it covers")
    at = checkpoint_read
    kept = dict(at.extras if extras is None else extras)
    row = fetch_one(
        conn,
        "core/advance_checkpoint",
        {
            "source": at.source,
            "scope": at.scope,
            "stream": at.stream,
            "token": token,
            "marker": marker,
            "extras": Jsonb(kept),
            "revision": at.revision,
            "now": (clock or SystemClock()).now(),
        },
    )
    if row is None:
        raise CheckpointConflict(
            f"the checkpoint {at.source}/{at.scope}/{at.stream} was moved by another run; this one ends"
        )
    return Checkpoint(at.source, at.scope, at.stream, token, marker, kept, row[0])
