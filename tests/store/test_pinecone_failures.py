"""How a sync handles refusals, limits, outages and invalid documents."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from core.clock import FixedClock
from core.database import Conn
from core.documents import Documents
from core.errors import ConfigurationError
from core.session import Session
from hooks.pinecone_hook import PineconeHook
from sandbox.faults import Fault
from sandbox.pinecone.index import Record
from sandbox.world import World
from tests.pinecone import (
    APP,
    NAMESPACE,
    TOO_LARGE,
    Source,
    assert_indexed,
    both,
    document,
    failed,
    id_of,
    ids,
    index,
    ledger_ids,
    status,
    stored_fields,
    text,
    texts,
    writes,
)
from trackers.pinecone.api import (
    SyncLimits,
    SyncResult,
    Target,
    get_failed_ids,
    record_failed_ids,
    sync_to_pinecone,
)
from trackers.pinecone.index import KINDS
from trackers.pinecone.result import TooManyFailed

Sync = Callable[..., SyncResult]
TARGET = Target(APP, NAMESPACE)


def test_one_bad_record_does_not_fail_the_rest_of_its_batch(
    conn: Conn, sync: Sync, world: World, source: Source, clock: FixedClock
) -> None:
    documents = [document(n) for n in range(96)]
    documents[40] = document(40, **TOO_LARGE)
    source.put(clock.now(), *documents)
    result = sync(source)
    assert (result.upserted, result.failed_ids) == (95, ["s40"])
    assert "s40" not in result.successful_source_ids
    assert failed(conn) == {"s40": (1, False)}
    assert_indexed(world, conn, *(id_of(n) for n in range(96) if n != 40))
    # Once fixed, it is uploaded and leaves the list.
    source.put(clock.now(), document(40))
    assert sync(source).failed_ids == []
    assert failed(conn) == {}
    assert id_of(40) in both(world)


def test_a_refused_record_leaves_no_older_version_in_the_index(
    conn: Conn, sync: Sync, world: World, source: Source, clock: FixedClock
) -> None:
    source.put(clock.now(), document(1), document(2))
    sync(source)
    bad = document(1, text(7), **TOO_LARGE)
    source.put(clock.now(), bad, *(document(n) for n in range(3, 8)))
    assert sync(source).failed_ids == ["s1"]
    assert_indexed(world, conn, *(id_of(n) for n in range(2, 8)))


@pytest.mark.parametrize("key", ["id", "_id", "chunk_text", "$set"])
def test_metadata_that_would_overwrite_the_record_is_refused(
    conn: Conn, sync: Sync, source: Source, clock: FixedClock, key: str
) -> None:
    source.put(clock.now(), document(1, **{key: "x"}), document(2), document(3), document(4), document(5))
    result = sync(source)
    assert (result.upserted, result.failed_ids) == (4, ["s1"])
    assert key in result.errors[0]


def test_failed_ids_are_added_and_removed_one_by_one(
    conn: Conn, sync: Sync, source: Source, clock: FixedClock
) -> None:
    with conn.transaction():
        record_failed_ids(conn, TARGET, {"old1": "why", "s1": "why"}, clock.now())
    source.put(clock.now(), document(1), document(2))
    sync(lambda failed_ids, since: ([document(1), document(2)], False))
    assert list(failed(conn)) == ["old1"]
    sync(lambda failed_ids, since: ([], False))
    assert list(failed(conn)) == ["old1"]
    sync(lambda failed_ids, since: Documents(gone_source_ids=["old1"]))
    assert failed(conn) == {}


def test_a_document_refused_eight_times_is_dead_until_it_changes(
    conn: Conn, sync: Sync, source: Source, clock: FixedClock
) -> None:
    bad = document(1, **TOO_LARGE)
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


def test_a_batch_that_keeps_failing_does_not_stop_the_others(
    conn: Conn, sync: Sync, world: World, source: Source, clock: FixedClock
) -> None:
    source.put(clock.now(), *(document(n) for n in range(200)))
    # The second of three batches always fails.
    world.faults.append(Fault(path="boost-[^s].*/upsert", status=503, after=1, times=6))
    with pytest.raises(TooManyFailed, match="96 of 200 chunks failed"):
        sync(source, SyncLimits(in_flight=1))
    assert len(both(world)) == 104
    assert {attempts for attempts, _ in failed(conn).values()} == {0}
    assert status(conn) is not None
    world.faults.clear()
    assert sync(source).upserted == 96
    assert failed(conn) == {}
    assert_indexed(world, conn, *(id_of(n) for n in range(200)))


def test_a_service_that_goes_down_fails_the_sync_and_keeps_what_it_stored(
    conn: Conn, sync: Sync, world: World, source: Source, clock: FixedClock
) -> None:
    source.put(clock.now(), *(document(n) for n in range(60)))
    world.faults.append(Fault(path="/upsert", status=503, after=4))
    with pytest.raises(Exception, match="the source failed") as caught:
        sync(source, SyncLimits(batch_size=10, in_flight=1))
    assert getattr(caught.value, "category", "") == "network"
    assert status(conn) is None
    assert len(ledger_ids(conn)) == 20
    world.faults.clear()
    assert sync(source).upserted == 40
    assert_indexed(world, conn, *(id_of(n) for n in range(60)))


def test_failed_documents_without_source_ids_keep_the_checkpoint(
    conn: Conn, sync: Sync, world: World, clock: FixedClock
) -> None:
    without_id = [{"content": text(n), "metadata": {"doc_id": f"d{n}"}} for n in range(20)]
    world.faults.append(Fault(path="/upsert", status=503, after=2, times=6))
    result = sync(lambda failed_ids, since: (without_id, False), SyncLimits(batch_size=4, in_flight=1))
    assert (result.upserted, result.failed_chunks) == (16, 4)
    assert status(conn) is None
    assert sync(lambda failed_ids, since: (without_id if since is None else [], False)).upserted == 4
    assert status(conn) is not None


def test_a_refused_document_without_source_ids_is_listed_under_its_id(conn: Conn, sync: Sync) -> None:
    without_ids = [{"content": text(n), "metadata": {"doc_id": f"d{n}"}} for n in range(8)]
    bad = {**without_ids[3], "metadata": {"doc_id": "d3", "_id": "x"}}
    sync(lambda failed_ids, since: ([*without_ids[:3], bad, *without_ids[4:]], False))
    assert failed(conn) == {"d3": (1, False)}
    assert status(conn) is not None

    def again(failed_ids: list[str], since: datetime | None) -> Any:
        return ([each for each in without_ids if each["metadata"]["doc_id"] in failed_ids], False)

    assert sync(again).upserted == 1
    assert failed(conn) == {}


def test_short_limits_are_waited_for_and_long_ones_left_to_the_scheduler(
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


def test_a_refused_api_key_fails_the_sync_at_once(
    sync: Sync, source: Source, clock: FixedClock, pinecone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.pinecone import connection

    monkeypatch.setenv("AIRFLOW_CONN_PINECONE_PUBLIC", connection(pinecone, "nobody"))
    source.put(clock.now(), document(1))
    with pytest.raises(Exception, match="check the API key") as caught:
        sync(source)
    assert caught.value.category == "auth"  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", KINDS)
def test_an_update_of_a_lost_record_becomes_an_upload(
    conn: Conn, sync: Sync, world: World, source: Source, clock: FixedClock, kind: str
) -> None:
    source.put(clock.now(), document(1, state="open"), document(2))
    sync(source)
    index(world, kind).remove(NAMESPACE, id_of(1))
    source.put(clock.now(), document(1, state="closed"))
    result = sync(source)
    assert (result.updated, result.upserted) == (0, 1)
    assert_indexed(world, conn, id_of(1), id_of(2))


def test_an_update_of_a_record_with_another_text_becomes_an_upload(
    sync: Sync, world: World, source: Source, clock: FixedClock
) -> None:
    source.put(clock.now(), document(1, state="open"))
    sync(source)
    other = Record({"chunk_text": "written by somebody else"}, "written by somebody else")
    index(world, "sparse").put(NAMESPACE, id_of(1), other)
    source.put(clock.now(), document(1, state="closed"))
    result = sync(source)
    assert (result.updated, result.upserted) == (0, 1)
    assert texts(world) == texts(world, "sparse") == {id_of(1): text(1)}


def test_metadata_that_the_index_refuses_leave_no_older_version(
    conn: Conn, sync: Sync, world: World, source: Source, clock: FixedClock
) -> None:
    source.put(clock.now(), *(document(n) for n in range(8)))
    sync(source)
    source.put(clock.now(), *(document(n, state="closed") for n in range(8)))
    source.put(clock.now(), document(3, **TOO_LARGE))
    result = sync(source)
    assert (result.updated, result.failed_ids) == (7, ["s3"])
    assert_indexed(world, conn, *(id_of(n) for n in range(8) if n != 3))


# -- the return values of a preprocess function ---------------------------------------------------------------


def test_a_third_value_updates_metadata(sync: Sync, world: World) -> None:
    sync(lambda failed_ids, since: ([document(1, state="open")], False))
    writes(world)
    result = sync(lambda failed_ids, since: ([], False, [document(1, state="closed")]))
    assert (result.updated, result.upserted) == (1, 0)
    assert set(writes(world)) >= {"upsert_vectors"}


def test_four_values_are_an_error_that_changes_nothing(conn: Conn, sync: Sync) -> None:
    with pytest.raises(ConfigurationError, match="returned 4 values"):
        sync(lambda failed_ids, since: ([], False, [], []))
    assert status(conn) is None


def test_an_exception_of_the_source_changes_nothing(conn: Conn, sync: Sync) -> None:
    def broken(failed_ids: list[str], since: datetime | None) -> Any:
        raise RuntimeError("no such table")

    with pytest.raises(RuntimeError):
        sync(broken)
    assert status(conn) is None


def test_chunked_documents_are_not_split_again(sync: Sync, world: World) -> None:
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


def test_different_documents_with_one_id_are_an_error_but_a_repeated_one_is_not(
    sync: Sync, world: World
) -> None:
    pair = [document(1), document(1, source_ids="other", content=text(5))]
    rest = [document(n) for n in range(2, 9)]
    result = sync(lambda failed_ids, since: ([*pair, document(2), *rest], False))
    assert result.failed_ids == ["other"]
    assert "another document of this sync has the same id (other)" in result.errors[0]
    assert texts(world)[id_of(1)] == text(1)


def test_two_documents_with_one_id_do_not_overwrite_each_other(
    conn: Conn, sync: Sync, world: World, clock: FixedClock
) -> None:
    first, other = document(1), document(1, text(5, 2500), source_ids="other")
    rest = [document(n) for n in range(2, 9)]
    sync(lambda failed_ids, since: ([first, *rest], False))
    before = stored_fields(world, NAMESPACE)

    def changed(failed_ids: list[str], since: datetime | None) -> Any:
        return ([other, *rest], False)

    result = sync(changed)
    assert result.failed_ids == ["other"]
    assert "(other)" in result.errors[0]
    assert "(s1)" in result.errors[0]
    assert stored_fields(world, NAMESPACE) == before
    # The one that is kept can still change, whatever their order.
    edited = document(1, text(9))
    assert sync(lambda failed_ids, since: ([other, edited, *rest], False)).failed_ids == ["other"]
    assert texts(world)[id_of(1)] == text(9)
    assert len(both(world)) == 8
    # It no longer exists, so after a full resync the other takes its place.
    result = sync(lambda failed_ids, since: ([other, *rest], False), full_resync=True)
    assert result.failed_ids == []
    assert_indexed(world, conn, *ledger_ids(conn))
    assert len(both(world)) > 8
    assert failed(conn) == {}


def test_of_two_documents_with_one_id_in_one_sync_only_the_first_is_uploaded(
    conn: Conn, sync: Sync, world: World
) -> None:
    pair = [document(1), document(1, text(5, 2500), source_ids="other")]
    rest = [document(n) for n in range(2, 9)]
    assert sync(lambda failed_ids, since: ([*pair, *rest], False)).failed_ids == ["other"]
    assert_indexed(world, conn, *(id_of(n) for n in range(1, 9)))


def test_a_record_of_another_app_type_is_not_overwritten(
    conn: Conn, sync: Sync, world: World, clock: FixedClock
) -> None:
    sync(lambda failed_ids, since: ([document(n) for n in range(5)], False))
    hook = PineconeHook(clock=clock)
    result = sync_to_pinecone(
        Session(conn, clock=clock),
        hook,
        Target("other", NAMESPACE),
        lambda failed_ids, since: ([document(n) for n in range(4, 14)], False),
    )
    hook.close()
    assert result.failed_count == 1
    assert "belongs to app_type test" in result.errors[0]
    assert len(ids(world)) == 14
