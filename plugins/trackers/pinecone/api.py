"""What others may use: the sync itself, its list of failures, and its status."""

from __future__ import annotations

from collections.abc import Mapping

from core.clock import Clock, SystemClock
from core.database import Conn
from core.errors import CollectorError, told
from core.locks import collector_lock
from core.progress import Progress
from trackers.pinecone import store
from trackers.pinecone.accounts import Settled
from trackers.pinecone.chunking import Splitter
from trackers.pinecone.contract import Document, PineconeInstance, Preprocessed, PreprocessFn, Target
from trackers.pinecone.index import Writer
from trackers.pinecone.limits import EngineLimits
from trackers.pinecone.result import SyncResult
from trackers.pinecone.store import (
    clear_failed_ids,
    get_failed_ids,
    get_final_sync_at,
    record_failed_ids,
    update_sync_status,
)
from trackers.pinecone.sync import Sync, SyncOptions

__all__ = [
    "Document",
    "EngineLimits",
    "PineconeInstance",
    "PreprocessFn",
    "Preprocessed",
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
    conn: Conn,
    index: Writer,
    *,
    app_type: str,
    namespace: str,
    preprocess_fn: PreprocessFn,
    instance: PineconeInstance = PineconeInstance.PUBLIC,
    options: SyncOptions | None = None,
    limits: EngineLimits | None = None,
    progress: Progress | None = None,
    clock: Clock | None = None,
    splitter: Splitter | None = None,
    on_settled: Settled | None = None,
    run_id: str = "",
) -> SyncResult:
    """Bring one source's part of the vector index up to date; one sync per target at a time.

    :param conn: a connection in autocommit; what belongs together is committed together.
    :param on_settled: told the source ids that are in the index and those that failed, in the transaction
        that says so; for a source that keeps a mark of its own.
    """
    target = Target(app_type.strip(), namespace.strip(), instance)
    clock = clock or SystemClock()
    progress = progress or Progress(clock=clock)
    sync = Sync(
        conn,
        index,
        target,
        preprocess_fn,
        limits or EngineLimits(),
        options or SyncOptions(),
        progress,
        clock,
        splitter,
        on_settled,
    )
    with collector_lock(conn, LOCK, str(target)):
        try:
            result = sync.run()
            result.raise_if_failed()
        except CollectorError as error:
            _describe(conn, target, clock, sync, run_id, told(error))
            raise
        _describe(conn, target, clock, sync, run_id, "")
    return result


def _describe(conn: Conn, target: Target, clock: Clock, sync: Sync, run_id: str, error: str) -> None:
    """Keep how the sync went; a dry run leaves no trace, and a lost connection keeps its own error."""
    if sync.options.dry_run or conn.closed or conn.broken:
        return
    counts: Mapping[str, int] = sync.result.counts()
    with conn.transaction():
        store.describe_sync(conn, target, run_id=run_id, error=error, counts=counts, now=clock.now())
