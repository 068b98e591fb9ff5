"""The sync with a real database and the sandbox's indexes: all current documents, nothing stale."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import psycopg
import pytest

from core.clock import FixedClock
from core.database import Conn
from core.documents import Documents
from core.errors import CollectorBusy
from core.locks import collector_lock
from sandbox.pinecone.index import Vector
from sandbox.world import World
from tests.crash.seams import Killed, Seam, connect
from tests.databases import clean
from tests.histories import when_free
from tests.pinecone import (
    APP,
    NAMESPACE,
    Source,
    assert_indexed,
    both,
    document,
    id_of,
    index,
    ledger_ids,
    status,
    text,
    texts,
    writes,
)
from tests.share import some
from trackers.pinecone.api import (
    LOCK,
    SyncLimits,
    SyncResult,
    Target,
)
from trackers.pinecone.record import split_id

Sync = Callable[..., SyncResult]
TARGET = Target(APP, NAMESPACE)


def test_a_sync_without_documents_sends_nothing_and_advances_the_checkpoint(
    conn: Conn, sync: Sync, world: World, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_PINECONE_PUBLIC")
    result = sync(lambda failed_ids, since: ([], False))
    assert (result.total, result.upserted, result.failed_ids, result.errors) == (0, 0, [], [])
    assert writes(world) == {}
    assert status(conn) == clock.now() - timedelta(minutes=5)


def test_documents_are_in_both_indexes_and_the_ledger(
    conn: Conn, sync: Sync, world: World, source: Source, clock: FixedClock
) -> None:
    source.put(clock.now(), *(document(n, title="T" if n == 1 else None) for n in range(3)))
    result = sync(source)
    assert (result.upserted, result.failed_ids, result.total) == (3, [], 3)
    assert result.successful_source_ids == ["s0", "s1", "s2"]
    assert_indexed(world, conn, id_of(0), id_of(1), id_of(2))
    assert texts(world)[id_of(1)] == f"Title: T\n\n{text(1)}"
    stored = index(world).stored[NAMESPACE][id_of(0)].fields
    assert stored["table_ids"] == ["s0"]
    assert {"source_ids", "title"}.isdisjoint(stored)


def test_unchanged_documents_cause_no_writes(
    sync: Sync, world: World, source: Source, clock: FixedClock
) -> None:
    source.put(clock.now(), *(document(n) for n in range(5)))
    sync(source)
    writes(world)
    again = sync(source)
    assert (again.total, again.upserted) == (0, 0)
    everything = sync(source, full_resync=True)
    assert (everything.unchanged, everything.upserted, everything.updated) == (5, 0, 0)
    assert writes(world) == {}


def test_changed_metadata_are_updated_in_both_indexes(
    sync: Sync, world: World, source: Source, clock: FixedClock
) -> None:
    source.put(clock.now(), document(1, state="open"), document(2, state="open"))
    sync(source)
    writes(world)
    source.put(clock.now() + timedelta(minutes=30), document(1, state="closed"))
    before = both_vectors(world, id_of(1))
    result = sync(source)
    assert (result.updated, result.upserted) == (1, 0)
    assert both_vectors(world, id_of(1)) == before
    for kind in ("dense", "sparse"):
        assert index(world, kind).stored[NAMESPACE][id_of(1)].fields["state"] == "closed"


def both_vectors(world: World, record_id: str) -> list[Vector]:
    found = [index(world, kind) for kind in ("dense", "sparse")]
    return [each.vector_of(each.stored[NAMESPACE][record_id]) for each in found]


def test_an_update_of_metadata_takes_four_requests_per_batch_and_embeds_nothing(
    sync: Sync, world: World, source: Source, clock: FixedClock
) -> None:
    source.put(clock.now(), *(document(n, state="open") for n in range(50)))
    sync(source)
    world.pinecone.behaviour.tokens_per_window = 1
    writes(world)
    source.put(clock.now(), *(document(n, state="closed") for n in range(50)))
    assert sync(source).updated == 50
    assert writes(world) == {"indexes": 1, "fetch": 2, "upsert_vectors": 2}


def test_a_removed_metadata_key_is_removed_from_the_index(
    sync: Sync, world: World, source: Source, clock: FixedClock
) -> None:
    source.put(clock.now(), document(1, closed_at=5))
    sync(source)
    source.put(clock.now(), document(1, closed_at=None))
    assert sync(source).updated == 1
    assert "closed_at" not in index(world).stored[NAMESPACE][id_of(1)].fields


def test_an_edited_document_replaces_its_chunks_and_a_shrunk_one_loses_them(
    conn: Conn, sync: Sync, world: World, source: Source, clock: FixedClock
) -> None:
    long = "\n\n".join(text(n, 900) for n in range(3))
    source.put(clock.now(), document(1, long))
    assert sync(source).upserted == 3
    source.put(clock.now(), document(1, text(9)))
    result = sync(source)
    assert (result.upserted, result.deleted) == (1, 2)
    assert_indexed(world, conn, id_of(1))
    assert texts(world)[id_of(1)] == text(9)


def test_batches_are_limited_by_records_and_by_bytes(
    sync: Sync, world: World, source: Source, clock: FixedClock
) -> None:
    source.put(clock.now(), *(document(n, padding="x" * 30_000) for n in range(130)))
    sync(source, SyncLimits(in_flight=1))
    assert writes(world)["upsert"] == 2 * 2  # 67 records of 30 kB fill 2 MB
    source.put(clock.now(), *(document(n, text(n + 500)) for n in range(200)))
    sync(source, SyncLimits(in_flight=1))
    assert writes(world)["upsert"] == 2 * 3
    assert len(both(world)) == 200


def test_orphans_stay_if_requested(sync: Sync, world: World, source: Source, clock: FixedClock) -> None:
    source.put(clock.now(), document(1, "\n\n".join(text(n, 900) for n in range(3))))
    sync(source)
    source.put(clock.now(), document(1, text(9)))
    assert sync(source, delete_orphans=False).deleted == 0
    assert len(both(world)) == 3


def test_deleted_documents_disappear_from_both_indexes(
    conn: Conn, sync: Sync, world: World, source: Source, clock: FixedClock
) -> None:
    source.put(clock.now(), *(document(n) for n in range(4)))
    sync(source)
    source.drop(clock.now(), "d2")
    assert sync(source).deleted == 1
    assert_indexed(world, conn, id_of(0), id_of(1), id_of(3))
    # The source does not report this one; a full resync finds it.
    del source.documents["d3"]
    assert sync(source).deleted == 0
    assert sync(source, full_resync=True).deleted == 1
    assert_indexed(world, conn, id_of(0), id_of(1))


def test_a_document_that_exists_again_is_not_deleted(
    conn: Conn, sync: Sync, world: World, source: Source, clock: FixedClock
) -> None:
    source.put(clock.now(), document(1), document(2))
    sync(source)
    now = clock.now() + timedelta(minutes=58)
    source.drop(now, "d1", "d2")
    source.put(now + timedelta(minutes=1), document(1))
    # Both syncs are told of both, the second because their times overlap.
    for _ in range(2):
        sync(source)
        assert_indexed(world, conn, id_of(1))


def test_a_document_dropped_by_one_sync_is_back_after_the_next(
    conn: Conn, sync: Sync, world: World, source: Source, clock: FixedClock
) -> None:
    source.put(clock.now(), document(1), document(2))
    sync(source)
    source.drop(clock.now() + timedelta(minutes=58), "d1")
    sync(source)
    assert_indexed(world, conn, id_of(2))
    source.put(clock.now(), document(1))
    sync(source)
    assert_indexed(world, conn, id_of(1), id_of(2))


def test_a_limited_sync_deletes_nothing_that_it_might_not_have_reached(
    conn: Conn, sync: Sync, world: World, source: Source, clock: FixedClock
) -> None:
    source.put(clock.now(), *(document(n) for n in range(4)))
    sync(source)
    source.drop(clock.now(), "d2", "d3")
    source.put(clock.now(), document(0, text(7)), document(1, text(8)), document(3))
    assert sync(source, max_documents=1).deleted == 0
    assert sync(source).deleted == 1
    assert_indexed(world, conn, id_of(0), id_of(1), id_of(3))


def test_documents_are_removed_only_if_all_their_rows_are_gone(
    sync: Sync, world: World, clock: FixedClock
) -> None:
    both_rows = document(1, source_ids="a,b")
    sync(lambda failed_ids, since: ([both_rows, document(2, source_ids=["c"])], False))
    gone = Documents(gone_source_ids=["a", "c"])
    assert sync(lambda failed_ids, since: gone).deleted == 1
    assert both(world) == {id_of(1)}


def test_a_document_needs_an_id_or_an_address(sync: Sync, world: World) -> None:
    without_id = {"content": text(1), "metadata": {"source_ids": "s1"}}
    addressed = {"content": text(2), "metadata": {"url": "https://example.org/2", "source_ids": "s2"}}
    result = sync(lambda failed_ids, since: ([without_id, addressed], False))
    assert (result.total, result.upserted, result.skipped["without_id"]) == (2, 1, 1)
    assert both(world) == {split_id("https://example.org/2", 0)}


def test_a_short_document_is_skipped_unless_configured_otherwise(
    sync: Sync, source: Source, clock: FixedClock
) -> None:
    source.put(clock.now(), document(1, "Thank you!"), document(2))
    result = sync(source)
    assert (result.upserted, result.skipped["short"]) == (1, 1)
    kept = sync(source, SyncLimits(keep_short_documents=True), full_resync=True)
    assert (kept.upserted, kept.skipped["short"]) == (1, 0)


# -- windows, status, locks ----------------------------------------------------------------------------------


def test_a_row_committed_while_the_source_is_read_is_in_the_next_sync(
    conn: Conn, sync: Sync, source: Source, clock: FixedClock
) -> None:
    source.put(clock.now(), document(1))

    def slow(failed_ids: list[str], since: datetime | None) -> Documents:
        answer = source(failed_ids, since)
        found = list(answer.documents)
        clock.sleep(60)
        source.put(clock.now(), document(2))
        clock.sleep(600)
        return Documents(documents=found)

    assert sync(slow).upserted == 1
    assert sync(source).upserted == 1


def test_the_checkpoint_is_not_after_the_time_of_the_database(
    conn: Conn, sync: Sync, clock: FixedClock
) -> None:
    clock.moment = datetime(2099, 1, 1, tzinfo=UTC)
    sync(lambda failed_ids, since: ([], False))
    found = status(conn)
    assert found is not None
    assert found < datetime(2098, 1, 1, tzinfo=UTC)


def test_a_limited_sync_keeps_the_checkpoint(
    conn: Conn, sync: Sync, world: World, source: Source, clock: FixedClock
) -> None:
    source.put(clock.now(), *(document(n) for n in range(30)))
    assert sync(source, SyncLimits(window=7), max_documents=10).total == 10
    assert (len(both(world)), status(conn)) == (10, None)
    sync(source)
    assert len(both(world)) == 30
    assert status(conn) is not None


def test_a_dry_run_counts_and_writes_nothing(
    conn: Conn, sync: Sync, world: World, source: Source, clock: FixedClock
) -> None:
    source.put(clock.now(), document(1, state="open"), document(2), document(3))
    sync(source)
    before = status(conn)
    writes(world)
    source.put(clock.now(), document(1, state="closed"), document(4))
    source.drop(clock.now(), "d2")
    result = sync(source, dry_run=True)
    assert (result.upserted, result.updated, result.deleted) == (1, 1, 1)
    assert writes(world) == {}
    assert status(conn) == before
    assert_indexed(world, conn, id_of(1), id_of(2), id_of(3))


def test_one_sync_per_target_at_a_time(database: str, conn: Conn, sync: Sync) -> None:
    with (
        psycopg.connect(database, autocommit=True) as other,
        collector_lock(other, LOCK, str(TARGET)),
        pytest.raises(CollectorBusy),
    ):
        sync(lambda failed_ids, since: ([], False))


def test_an_index_that_had_to_be_created_again_is_filled_again(
    conn: Conn, sync: Sync, world: World, source: Source, clock: FixedClock
) -> None:
    source.put(clock.now(), *(document(n) for n in range(6)))
    sync(source)
    world.pinecone.projects["public"].indexes.clear()
    source.put(clock.now(), document(9))
    assert sync(source).upserted == 1
    assert status(conn) is None
    assert sync(source).upserted == 6
    assert_indexed(world, conn, *(id_of(n) for n in (*range(6), 9)))


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_sync_killed_after_creating_an_index_does_not_trust_the_old_ledger(
    database: str, conn: Conn, sync: Sync, world: World, clock: FixedClock, when: str
) -> None:
    for killed_at in some(range(1, 30)):
        clean(conn)
        world.pinecone.projects["public"].indexes.clear()
        source = Source()
        source.put(clock.now(), *(document(n) for n in range(6)))
        sync(source)
        world.pinecone.projects["public"].indexes.clear()
        source.put(clock.now(), document(9))
        with connect(database, Seam(killed_at, when)) as killed, suppress(Killed):
            sync(source, conn=killed)
        for _ in range(2):
            when_free(partial(sync, source))
        assert both(world) == {id_of(n) for n in (*range(6), 9)}, killed_at


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_incremental_sync_finishes_what_a_killed_resync_left_unconfirmed(
    database: str, conn: Conn, sync: Sync, world: World, clock: FixedClock, when: str
) -> None:
    source = Source()
    source.put(clock.now(), *(document(n, text(n, 2500)) for n in range(4)))
    unconfirmed, calls = 0, some(range(8, 40, 2))
    for killed_at in calls:
        sync(source, full_resync=True)
        shorter = SyncLimits(chunk_size=500, chunk_overlap=50, batch_size=4)
        with connect(database, Seam(killed_at, when)) as killed, suppress(Killed):
            sync(source, shorter, conn=killed, full_resync=True)
        unconfirmed += bool(ledger_ids(conn, "synced_at IS NULL"))
        when_free(partial(sync, source))
        assert_indexed(world, conn, *ledger_ids(conn))
    assert unconfirmed > len(calls) // 3


def test_the_source_is_notified_of_indexed_and_failed_ids(
    sync: Sync, source: Source, clock: FixedClock
) -> None:
    reported: list[tuple[list[str], list[str]]] = []
    source.put(clock.now(), *(document(n) for n in range(5)), document(6, _id="x"))

    def documents(failed_ids: list[str], since: datetime | None) -> Documents:
        return replace(source(failed_ids, since), on_settled=lambda *settled: reported.append(settled))

    sync(documents)
    assert sorted(s for indexed, _ in reported for s in indexed) == ["s0", "s1", "s2", "s3", "s4"]
    assert [s for _, failed in reported for s in failed] == ["s6"]


def test_lagging_reads_do_no_harm(
    conn: Conn, sync: Sync, world: World, source: Source, clock: FixedClock
) -> None:
    world.pinecone.behaviour.lag = 3600.0
    source.put(clock.now(), document(1), document(2))
    sync(source)
    source.put(clock.now(), document(1, text(8)))
    source.drop(clock.now(), "d2")
    sync(source)
    assert_indexed(world, conn, id_of(1))
