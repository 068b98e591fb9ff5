"""What other packages may use: the sync, its list of failures, and its status."""

from __future__ import annotations

from core.documents import Document, Documents, PineconeInstance, PreprocessFn
from core.errors import CollectorError, safe_message
from core.locks import collector_lock
from core.session import Session
from trackers.pinecone import store
from trackers.pinecone.index import Writer
from trackers.pinecone.result import SyncResult
from trackers.pinecone.store import (
    clear_failed_ids,
    get_failed_ids,
    get_final_sync_at,
    record_failed_ids,
    update_sync_status,
)
from trackers.pinecone.sync import Sync, SyncOptions
from trackers.pinecone.sync_limits import SyncLimits
from trackers.pinecone.target import Target

__all__ = [
    "Document",
    "Documents",
    "PineconeInstance",
    "PreprocessFn",
    "SyncLimits",
    "SyncOptions",
    "SyncResult",
    "Target",
    "clear_failed_ids",
    "get_failed_ids",
    "get_final_sync_at",
    "record_failed_ids",
    "sync_to_pinecone",
    "update_sync_status",
]

LOCK = "pinecone_sync"


def sync_to_pinecone(
    session: Session,
    index: Writer,
    target: Target,
    preprocess_fn: PreprocessFn,
    options: SyncOptions | None = None,
) -> SyncResult:
    """Bring one source's part of the vector index up to date; one sync per target at a time."""
    sync = Sync(session, index, target, preprocess_fn, options or SyncOptions())
    with collector_lock(session.conn, LOCK, str(target)):
        try:
            result = sync.run()
            result.raise_if_failed()
        except CollectorError as error:
            _describe(sync, safe_message(error))
            raise
        _describe(sync, "")
    return result


def _describe(sync: Sync, error: str) -> None:
    """Store how the sync went, except for a dry run and if the connection is lost."""
    conn = sync.session.conn
    if sync.options.dry_run or conn.closed or conn.broken:
        return
    with conn.transaction():
        store.describe_sync(
            conn,
            sync.target,
            run_id=sync.options.run_id,
            error=error,
            counts=sync.result.counts(),
            now=sync.session.clock.now(),
        )
