"""The sync against a real database and the sandbox's indexes: exactly what was given, nothing stale."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from core.clock import FixedClock
from core.database import Conn
from core.errors import CollectorBusy, ConfigurationError
from core.locks import collector_lock
from hooks.pinecone_hook import PineconeHook
from sandbox.faults import Fault
from sandbox.world import World
from tests.pinecone import (
    APP,
    NAMESPACE,
    Source,
    document,
    failed,
    ids,
    index,
    ledger_ids,
    status,
    text,
    texts,
    writes,
)
from trackers.pinecone.api import (
    LOCK,
    EngineLimits,
    SyncOptions,
    SyncResult,
    Target,
    get_failed_ids,
    record_failed_ids,
    sync_to_pinecone,
)
from trackers.pinecone.contract import Preprocessed
from trackers.pinecone.record import split_id
from trackers.pinecone.result import TooManyFailed

Sync = Callable[..., SyncResult]
TARGET = Target(APP, NAMESPACE)


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def sync(conn: Conn, clock: FixedClock, pinecone: str) -> Iterator[Sync]:
    hooks: list[PineconeHook] = []

    def go(preprocess: Any, limits: EngineLimits | None = None, **options: Any) -> SyncResult:
        hook = PineconeHook(clock=clock)
        hooks.append(hook)
        clock.sleep(3600)
        settled = options.pop("on_settled", None)
        return sync_to_pinecone(
            conn,
            hook,
            app_type=APP,
            namespace=NAMESPACE,
            preprocess_fn=preprocess,
            options=SyncOptions(collect_ids=True, **options),
            limits=limits,
            clock=clock,
            on_settled=settled,
        )

    yield go
    for hook in hooks:
        hook.close()


def both(world: World) -> set[str]:
    """The ids, which must be the same in both indexes."""
    assert ids(world, "dense") == ids(world, "sparse")
    return ids(world)


def id_of(number: int, start: int = 0) -> str:
    return split_id(f"d{number}", start)


def agree(world: World, conn: Conn, *expected: str) -> None:
    assert both(world) == ledger_ids(conn) == set(expected)
    assert ledger_ids(conn, "synced_at IS NULL") == set()


def test_nothing_to_do_asks_nobody_and_moves_the_status(
    conn: Conn, sync: Sync, world: World, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_PINECONE_PUBLIC")
    result = sync(lambda failed_ids, since: ([], False))
    assert (result.total, result.upserted, result.failed_ids, result.errors) == (0, 0, [], [])
    assert writes(world) == {}
    assert status(conn) == clock.now() - timedelta(minutes=5)


def test_what_was_given_is_in_both_indexes_and_the_ledger(
    conn: Conn, sync: Sync, world: World, source: Source, clock: FixedClock
) -> None:
    source.put(clock.now(), *(document(n, title="T" if n == 1 else None) for n in range(3)))
    result = sync(source)
    assert (result.upserted, result.failed_ids, result.total) == (3, [], 3)
    assert result.successful_source_ids == ["s0", "s1", "s2"]
    agree(world, conn, id_of(0), id_of(1), id_of(2))
    assert texts(world)[id_of(1)] == f"Title: T\n\n{text(1)}"
    stored = index(world).stored[NAMESPACE][id_of(0)].fields
    assert stored["table_ids"] == ["s0"]
    assert {"source_ids", "title"}.isdisjoint(stored)


def test_the_same_again_writes_nothing(sync: Sync, world: World, source: Source, clock: FixedClock) -> None:
    source.put(clock.now(), *(document(n) for n in range(5)))
    sync(source)
    writes(world)
    again = sync(source)
    assert (again.total, again.upserted) == (0, 0)
    everything = sync(source, full_resync=True)
    assert (everything.unchanged, everything.upserted, everything.updated) == (5, 0, 0)
    assert writes(world) == {}


def test_only_metadata_changed_is_an_update_in_both_indexes(
    sync: Sync, world: World, source: Source, clock: FixedClock
) -> None:
    source.put(clock.now(), document(1, state="open"), document(2, state="open"))
    sync(source)
    writes(world)
    source.put(clock.now() + timedelta(minutes=30), document(1, state="closed"))
    result = sync(source)
    assert (result.updated, result.upserted) == (1, 0)
    assert writes(world)["update"] == 2
    for kind in ("dense", "sparse"):
        assert index(world, kind).stored[NAMESPACE][id_of(1)].fields["state"] == "closed"


def test_a_key_that_goes_away_needs_an_upload(
    sync: Sync, world: World, source: Source, clock: FixedClock
) -> None:
    source.put(clock.now(), document(1, closed_at=5))
    sync(source)
    source.put(clock.now(), document(1, closed_at=None))
    assert sync(source).upserted == 1
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
    agree(world, conn, id_of(1))
    assert texts(world)[id_of(1)] == text(9)


def test_orphans_stay_if_asked_to(sync: Sync, world: World, source: Source, clock: FixedClock) -> None:
    source.put(clock.now(), document(1, "\n\n".join(text(n, 900) for n in range(3))))
    sync(source)
    source.put(clock.now(), document(1, text(9)))
    assert sync(source, delete_orphans=False).deleted == 0
    assert len(both(world)) == 3


def test_what_is_deleted_disappears_from_both_indexes(
    conn: Conn, sync: Sync, world: World, source: Source, clock: FixedClock
) -> None:
    source.put(clock.now(), *(document(n) for n in range(4)))
    sync(source)
    source.drop(clock.now(), "d2")
    assert sync(source).deleted == 1
    agree(world, conn, id_of(0), id_of(1), id_of(3))
    # Nobody told of this one; a complete walk finds it.
    del source.documents["d3"]
    assert sync(source).deleted == 0
    assert sync(source, full_resync=True).deleted == 1
    agree(world, conn, id_of(0), id_of(1))


def test_documents_made_of_gone_rows_only_are_removed(sync: Sync, world: World, clock: FixedClock) -> None:
    both_rows = document(1, source_ids="a,b")
    sync(lambda failed_ids, since: ([both_rows, document(2, source_ids=["c"])], False))
    gone = Preprocessed(gone_source_ids=["a", "c"])
    assert sync(lambda failed_ids, since: gone).deleted == 1
    assert both(world) == {id_of(1)}


def test_a_document_without_a_name_is_left_out_and_one_with_an_address_is_not(
    sync: Sync, world: World
) -> None:
    nameless = {"content": text(1), "metadata": {"source_ids": "s1"}}
    addressed = {"content": text(2), "metadata": {"url": "https://example.org/2", "source_ids": "s2"}}
    result = sync(lambda failed_ids, since: ([nameless, addressed], False))
    assert (result.total, result.upserted, result.skipped["without_id"]) == (2, 1, 1)
    assert both(world) == {split_id("https://example.org/2", 0)}


def test_a_short_document_is_reported_and_kept_where_that_is_wanted(
    sync: Sync, source: Source, clock: FixedClock
) -> None:
    source.put(clock.now(), document(1, "Thank you!"), document(2))
    result = sync(source)
    assert (result.upserted, result.skipped["short"]) == (1, 1)
    kept = sync(source, EngineLimits(keep_short_documents=True), full_resync=True)
    assert (kept.upserted, kept.skipped["short"]) == (1, 0)


# -- what fails --------------------------------------------------------------------------------------------


def test_one_bad_record_never_fails_its_neighbours(
    conn: Conn, sync: Sync, world: World, source: Source, clock: FixedClock
) -> None:
    tags = [f"tag number {n} of very many" for n in range(2500)]
    documents = [document(n) for n in range(96)]
    documents[40] = document(40, tags=tags)
    source.put(clock.now(), *documents)
    result = sync(source)
    assert (result.upserted, result.failed_ids) == (95, ["s40"])
    assert "s40" not in result.successful_source_ids
    assert failed(conn) == {"s40": (1, False)}
    agree(world, conn, *(id_of(n) for n in range(96) if n != 40))
    # Mended, it goes up and leaves the list.
    source.put(clock.now(), document(40))
    assert sync(source).failed_ids == []
    assert failed(conn) == {}
    assert id_of(40) in both(world)


def test_a_record_that_is_refused_leaves_no_older_version_behind(
    conn: Conn, sync: Sync, world: World, source: Source, clock: FixedClock
) -> None:
    source.put(clock.now(), document(1), document(2))
    sync(source)
    bad = document(1, text(7), tags=[f"tag {n}" * 9 for n in range(2500)])
    source.put(clock.now(), bad, *(document(n) for n in range(3, 8)))
    assert sync(source).failed_ids == ["s1"]
    agree(world, conn, *(id_of(n) for n in range(2, 8)))


@pytest.mark.parametrize("key", ["id", "_id", "chunk_text", "$set"])
def test_metadata_that_would_overwrite_the_record_is_refused(
    conn: Conn, sync: Sync, source: Source, clock: FixedClock, key: str
) -> None:
    source.put(clock.now(), document(1, **{key: "x"}), document(2), document(3), document(4), document(5))
    result = sync(source)
    assert (result.upserted, result.failed_ids) == (4, ["s1"])
    assert key in result.errors[0]


def test_the_list_of_failures_is_kept_id_by_id(
    conn: Conn, sync: Sync, source: Source, clock: FixedClock
) -> None:
    with conn.transaction():
        record_failed_ids(conn, TARGET, {"old1": "why", "s1": "why"}, clock.now())
    source.put(clock.now(), document(1), document(2))
    sync(lambda failed_ids, since: ([document(1), document(2)], False))
    assert list(failed(conn)) == ["old1"]
    sync(lambda failed_ids, since: ([], False))
    assert list(failed(conn)) == ["old1"]
    sync(lambda failed_ids, since: Preprocessed(gone_source_ids=["old1"]))
    assert failed(conn) == {}


def test_what_is_refused_eight_times_is_dead_until_it_changes(
    conn: Conn, sync: Sync, source: Source, clock: FixedClock
) -> None:
    bad = document(1, tags=[f"tag {n}" * 9 for n in range(2500)])
    source.put(clock.now(), bad, *(document(n) for n in range(2, 9)))
    sync(source)
    for attempt in range(2, 9):
        clock.sleep(24 * 3600)
        with pytest.raises(TooManyFailed, match="1 of 1 chunks failed"):
            sync(source)
        assert failed(conn) == {"s1": (attempt, attempt == 8)}
    clock.sleep(24 * 3600)
    assert get_failed_ids(conn, TARGET, clock.now()) == []
    assert sync(source).total == 0
    source.put(clock.now(), document(1))
    sync(source)
    assert failed(conn) == {}


def test_refused_items_wait_longer_each_time(conn: Conn, clock: FixedClock) -> None:
    waits = []
    for _ in range(4):
        with conn.transaction():
            record_failed_ids(conn, TARGET, {"a": "why"}, clock.now())
        row = conn.execute("SELECT next_attempt_at - last_attempt_at FROM pinecone.failed_item").fetchone()
        assert row is not None
        waits.append(row[0].total_seconds() / 60)
    assert waits == [0, 10, 40, 90]


def test_a_batch_that_fails_for_good_does_not_stop_the_others(
    conn: Conn, sync: Sync, world: World, source: Source, clock: FixedClock
) -> None:
    source.put(clock.now(), *(document(n) for n in range(200)))
    # The second of three batches never gets through.
    world.faults.append(Fault(path="boost-[^s].*/upsert", status=503, after=1, times=6))
    with pytest.raises(TooManyFailed, match="96 of 200 chunks failed"):
        sync(source, EngineLimits(in_flight=1))
    assert len(both(world)) == 104
    assert {attempts for attempts, _ in failed(conn).values()} == {0}
    assert status(conn) is not None
    world.faults.clear()
    assert sync(source).upserted == 96
    assert failed(conn) == {}
    agree(world, conn, *(id_of(n) for n in range(200)))


def test_a_service_that_is_down_ends_the_sync_and_keeps_what_it_took(
    conn: Conn, sync: Sync, world: World, source: Source, clock: FixedClock
) -> None:
    source.put(clock.now(), *(document(n) for n in range(60)))
    world.faults.append(Fault(path="/upsert", status=503, after=4))
    with pytest.raises(Exception, match="the source failed") as caught:
        sync(source, EngineLimits(batch_size=10, in_flight=1))
    assert getattr(caught.value, "category", "") == "network"
    assert status(conn) is None
    assert len(ledger_ids(conn)) == 20
    world.faults.clear()
    assert sync(source).upserted == 40
    agree(world, conn, *(id_of(n) for n in range(60)))


def test_limits_are_waited_for_then_given_back_to_the_scheduler(
    sync: Sync, world: World, source: Source, clock: FixedClock
) -> None:
    source.put(clock.now(), document(1))
    world.faults.append(Fault(path="/upsert", status=429, headers={"Retry-After": "7"}, times=2))
    slept = len(clock.slept)
    assert sync(source).upserted == 1
    assert [s for s in clock.slept[slept:] if s < 3600] == [7.0, 7.0]
    source.put(clock.now(), document(2))
    world.faults.append(Fault(path="/upsert", status=429, headers={"Retry-After": "600"}))
    with pytest.raises(Exception, match="limited") as caught:
        sync(source)
    assert (caught.value.category, caught.value.retry_after) == ("rate_limit", 600.0)  # type: ignore[attr-defined]


def test_a_service_that_refuses_our_key_is_not_asked_again(
    sync: Sync, source: Source, clock: FixedClock, pinecone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.pinecone import connection

    monkeypatch.setenv("AIRFLOW_CONN_PINECONE_PUBLIC", connection(pinecone, "nobody"))
    source.put(clock.now(), document(1))
    with pytest.raises(Exception, match="check the API key") as caught:
        sync(source)
    assert caught.value.category == "auth"  # type: ignore[attr-defined]


def test_an_update_of_a_record_that_is_not_there_becomes_an_upload(
    conn: Conn, sync: Sync, world: World, source: Source, clock: FixedClock
) -> None:
    source.put(clock.now(), document(1, state="open"), document(2))
    sync(source)
    index(world).remove(NAMESPACE, id_of(1))
    source.put(clock.now(), document(1, state="closed"))
    result = sync(source)
    assert (result.updated, result.upserted) == (0, 1)
    agree(world, conn, id_of(1), id_of(2))


# -- what the answer of a source may look like ---------------------------------------------------------------


def test_a_third_value_updates_metadata(sync: Sync, world: World) -> None:
    sync(lambda failed_ids, since: ([document(1, state="open")], False))
    writes(world)
    result = sync(lambda failed_ids, since: ([], False, [document(1, state="closed")]))
    assert (result.updated, result.upserted) == (1, 0)
    assert set(writes(world)) >= {"update"}


def test_four_values_are_an_error_that_changes_nothing(conn: Conn, sync: Sync) -> None:
    with pytest.raises(ConfigurationError, match="returned 4 values"):
        sync(lambda failed_ids, since: ([], False, [], []))
    assert status(conn) is None


def test_an_error_of_the_source_changes_nothing(conn: Conn, sync: Sync) -> None:
    def broken(failed_ids: list[str], since: datetime | None) -> Any:
        raise RuntimeError("no such table")

    with pytest.raises(RuntimeError):
        sync(broken)
    assert status(conn) is None


def test_what_came_chunked_stays_so(sync: Sync, world: World) -> None:
    content = "This chunk was already split by the caller and is long enough to be kept."
    result = sync(
        lambda failed_ids, since: ([{"content": content, "metadata": {"doc_id": "d1", "title": "T"}}], True)
    )
    assert result.upserted == 1
    assert ids(world) == {"c317878f4abc6ffef66fac1670d8b52c"}


def test_numbered_chunks_keep_their_ids_when_edited(sync: Sync, world: World) -> None:
    def chunks(*contents: str) -> Any:
        parts = [{"content": c, "metadata": {"doc_id": "d", "chunk_no": n}} for n, c in enumerate(contents)]
        return lambda failed_ids, since: (parts, True)

    sync(chunks(text(1), text(2), text(3)))
    before = both(world)
    result = sync(chunks(text(1), text(7), text(3)))
    assert (result.upserted, result.deleted, both(world)) == (1, 0, before)
    assert sync(chunks(text(1), text(7))).deleted == 1


def test_two_different_documents_with_one_id_are_an_error_and_a_repetition_is_not(
    sync: Sync, world: World
) -> None:
    pair = [document(1), document(1, source_ids="other", content=text(5))]
    rest = [document(n) for n in range(2, 9)]
    result = sync(lambda failed_ids, since: ([*pair, document(2), *rest], False))
    assert result.failed_ids == ["other"]
    assert "same record id" in result.errors[0]
    assert texts(world)[id_of(1)] == text(1)


def test_an_id_of_another_app_type_is_not_taken_over(
    conn: Conn, sync: Sync, world: World, clock: FixedClock
) -> None:
    sync(lambda failed_ids, since: ([document(n) for n in range(5)], False))
    hook = PineconeHook(clock=clock)
    result = sync_to_pinecone(
        conn,
        hook,
        app_type="other",
        namespace=NAMESPACE,
        preprocess_fn=lambda failed_ids, since: ([document(n) for n in range(4, 14)], False),
        clock=clock,
    )
    hook.close()
    assert result.failed_count == 1
    assert "belongs to app_type test" in result.errors[0]
    assert len(ids(world)) == 14


# -- windows, status, locks ----------------------------------------------------------------------------------


def test_a_row_committed_while_the_source_is_read_is_picked_up_next_time(
    conn: Conn, sync: Sync, source: Source, clock: FixedClock
) -> None:
    source.put(clock.now(), document(1))

    def slow(failed_ids: list[str], since: datetime | None) -> Preprocessed:
        answer = source(failed_ids, since)
        found = list(answer.documents)
        clock.sleep(60)
        source.put(clock.now(), document(2))
        clock.sleep(600)
        return Preprocessed(documents=found)

    assert sync(slow).upserted == 1
    assert sync(source).upserted == 1


def test_the_cutoff_is_not_after_the_database_clock(conn: Conn, sync: Sync, clock: FixedClock) -> None:
    clock.moment = datetime(2099, 1, 1, tzinfo=UTC)
    sync(lambda failed_ids, since: ([], False))
    found = status(conn)
    assert found is not None
    assert found < datetime(2098, 1, 1, tzinfo=UTC)


def test_a_limit_stops_and_keeps_the_status(
    conn: Conn, sync: Sync, world: World, source: Source, clock: FixedClock
) -> None:
    source.put(clock.now(), *(document(n) for n in range(30)))
    assert sync(source, EngineLimits(window=7), max_documents=10).total == 10
    assert (len(both(world)), status(conn)) == (10, None)
    sync(source)
    assert len(both(world)) == 30
    assert status(conn) is not None


def test_a_dry_run_tells_and_writes_nothing(
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
    agree(world, conn, id_of(1), id_of(2), id_of(3))


def test_one_sync_per_target_at_a_time(database: str, conn: Conn, sync: Sync) -> None:
    with (
        psycopg.connect(database, autocommit=True) as other,
        collector_lock(other, LOCK, str(TARGET)),
        pytest.raises(CollectorBusy),
    ):
        sync(lambda failed_ids, since: ([], False))


def test_an_index_that_had_to_be_made_anew_is_filled_again(
    conn: Conn, sync: Sync, world: World, source: Source, clock: FixedClock
) -> None:
    source.put(clock.now(), *(document(n) for n in range(6)))
    sync(source)
    world.pinecone.projects["public"].indexes.clear()
    source.put(clock.now(), document(9))
    assert sync(source).upserted == 1
    assert status(conn) is None
    assert sync(source).upserted == 6
    agree(world, conn, *(id_of(n) for n in (*range(6), 9)))


def test_the_source_is_told_in_the_transaction_that_says_so(
    sync: Sync, source: Source, clock: FixedClock
) -> None:
    told: list[tuple[list[str], list[str]]] = []
    source.put(clock.now(), *(document(n) for n in range(5)), document(6, _id="x"))
    sync(source, on_settled=lambda well, badly: told.append((list(well), list(badly))))
    assert sorted(s for well, _ in told for s in well) == ["s0", "s1", "s2", "s3", "s4"]
    assert [s for _, badly in told for s in badly] == ["s6"]


def test_reads_that_lag_behind_harm_nothing(
    conn: Conn, sync: Sync, world: World, source: Source, clock: FixedClock
) -> None:
    world.pinecone.behaviour.lag = 3600.0
    source.put(clock.now(), document(1), document(2))
    sync(source)
    source.put(clock.now(), document(1, text(8)))
    source.drop(clock.now(), "d2")
    sync(source)
    agree(world, conn, id_of(1))
