"""Audit and search with a real database and the sandbox's indexes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from core.clock import FixedClock
from core.database import Conn
from core.session import Session
from hooks.pinecone_hook import PineconeHook
from sandbox.pinecone.index import Record as StoredRecord
from sandbox.world import World
from tests.pinecone import APP, NAMESPACE, Source, document, failed, ids, index, ledger_ids, text, writes
from trackers.pinecone.api import SyncOptions, SyncResult, Target, sync_to_pinecone
from trackers.pinecone.audit import Audit, Findings
from trackers.pinecone.inventory import describe_sources, known_namespaces
from trackers.pinecone.record import split_id
from trackers.pinecone.search import merged, search


@pytest.fixture
def hook(pinecone: str, clock: FixedClock) -> Iterator[PineconeHook]:
    found = PineconeHook(clock=clock)
    yield found
    found.close()


class Bench:
    """A filled index, with methods to sync and audit it."""

    def __init__(self, conn: Conn, hook: PineconeHook, clock: FixedClock, world: World) -> None:
        self.conn, self.hook, self.clock, self.world = conn, hook, clock, world
        self.source = Source()
        self.source.put(clock.now(), *(document(n, type="test") for n in range(12)))
        self.sync()
        clock.sleep(3600)

    def sync(self, **options: Any) -> SyncResult:
        self.clock.sleep(3600)
        session = Session(self.conn, clock=self.clock)
        return sync_to_pinecone(
            session, self.hook, Target(APP, NAMESPACE), self.source, SyncOptions(**options)
        )

    def audit(self) -> tuple[Audit, Findings]:
        audit = Audit(Session(self.conn, clock=self.clock).unit("public/ns"), self.hook, "public", NAMESPACE)
        return audit, audit.look()


@pytest.fixture
def bench(conn: Conn, hook: PineconeHook, clock: FixedClock, world: World) -> Bench:
    return Bench(conn, hook, clock, world)


def id_of(number: int) -> str:
    return split_id(f"d{number}", 0)


def test_an_audit_of_a_complete_index_finds_nothing(bench: Bench) -> None:
    _, found = bench.audit()
    assert found == Findings(12, 12, 12, 0, 0, 0)
    assert not found.drift


def test_lost_records_and_strays_are_found_and_repaired(bench: Bench, conn: Conn) -> None:
    index(bench.world, "dense").remove(NAMESPACE, id_of(3))
    index(bench.world, "sparse").remove(NAMESPACE, id_of(4))
    index(bench.world, "sparse").put(NAMESPACE, "stray", StoredRecord({"chunk_text": "x"}, "x"))
    audit, found = bench.audit()
    assert found == Findings(12, 11, 12, 2, 1, 0)
    audit.repair()
    assert failed(conn) == {"s3": (0, False), "s4": (0, False)}
    assert bench.sync().upserted == 2
    assert failed(conn) == {}
    assert ids(bench.world) == ids(bench.world, "sparse") == ledger_ids(conn)
    assert not bench.audit()[1].drift


def test_a_lost_document_without_source_ids_causes_a_full_resync(conn: Conn, bench: Bench) -> None:
    bench.source.put(bench.clock.now(), {"content": text(50), "metadata": {"doc_id": "d50"}})
    bench.sync()
    bench.clock.sleep(3600)
    index(bench.world).remove(NAMESPACE, id_of(50))
    audit, found = bench.audit()
    assert found.missing == 1
    audit.repair()
    result = bench.sync()
    assert (result.upserted, result.unchanged) == (1, 12)


def test_recently_written_records_do_not_count_as_missing(bench: Bench) -> None:
    bench.clock.moment -= timedelta(seconds=7200)
    index(bench.world).remove(NAMESPACE, id_of(3))
    assert bench.audit()[1].missing == 0


def test_an_existing_index_is_adopted_without_embedding_it_again(bench: Bench, conn: Conn) -> None:
    index(bench.world, "sparse").remove(NAMESPACE, id_of(5))
    index(bench.world).change(NAMESPACE, id_of(6), {"number": 99})
    conn.execute("TRUNCATE pinecone.ledger, pinecone.sync_status")
    audit, found = bench.audit()
    assert (found.in_ledger, found.strays) == (0, 12)
    assert audit.fill_ledger(lambda metadata: APP if metadata.get("type") == "test" else None) == 12
    assert bench.audit()[1] == Findings(12, 12, 11, 0, 0, 1)
    writes(bench.world)
    bench.source.drop(bench.clock.now(), "d7")
    result = bench.sync()
    assert (result.upserted, result.updated, result.deleted, result.unchanged) == (1, 1, 1, 9)
    assert ids(bench.world) == ids(bench.world, "sparse") == ledger_ids(conn)


def test_cut_source_ids_are_complete_again_after_an_adoption(bench: Bench, conn: Conn) -> None:
    source_ids = [f"some/source/id/{n}" for n in range(3000)]
    many = document(50, type="test", source_ids=source_ids)
    bench.source.put(bench.clock.now(), many)
    bench.sync()
    kept = "SELECT cardinality(source_ids) FROM pinecone.ledger WHERE doc_id = 'd50'"
    assert conn.execute(kept).fetchall() == [(3000,)]
    conn.execute("TRUNCATE pinecone.ledger, pinecone.sync_status")
    audit, _ = bench.audit()
    audit.fill_ledger(lambda metadata: APP)
    assert bench.sync().upserted == 1
    assert conn.execute(kept).fetchall() == [(3000,)]


def test_a_deleted_index_is_filled_again(bench: Bench, conn: Conn) -> None:
    bench.world.pinecone.projects["public"].indexes.clear()
    bench.hook.close()  # as another process would
    audit, found = bench.audit()
    assert found == Findings(12, 0, 0, 0, 0, 12)
    audit.repair()
    assert bench.sync().upserted == 12
    assert failed(conn) == {}
    assert not bench.audit()[1].drift


def test_records_without_an_app_type_are_not_adopted(bench: Bench, conn: Conn) -> None:
    conn.execute("TRUNCATE pinecone.ledger")
    audit, _ = bench.audit()
    assert audit.fill_ledger(lambda metadata: None) == 0
    assert ledger_ids(conn) == set()


def test_the_description_of_each_source(bench: Bench, conn: Conn) -> None:
    bench.source.put(bench.clock.now(), document(20, _id="x"), *(document(n) for n in range(30, 36)))
    bench.sync()
    conn.execute("UPDATE pinecone.failed_item SET dead = true")
    (row,) = describe_sources(conn, bench.clock.now() + timedelta(hours=2))
    assert (row.app_type, row.chunks, row.documents) == (APP, 18, 18)
    assert (row.failed, row.dead, row.lag_seconds) == (0, 1, 7200 + 300)
    assert known_namespaces(conn) == [("public", NAMESPACE)]


# -- search ----------------------------------------------------------------------------------------------------


class Found:
    def __init__(self, name: str) -> None:
        self.id, self.score, self.fields = name, 1.0, {"name": name}


def test_search_results_are_merged_by_rank_not_by_score() -> None:
    found = merged(
        [
            ("n", "dense", [Found("a"), Found("b"), Found("c")]),
            ("n", "sparse", [Found("b"), Found("d")]),
            ("m", "dense", [Found("a")]),
        ]
    )
    assert [(match.namespace, match.id) for match in found] == [
        ("n", "b"),
        ("m", "a"),
        ("n", "a"),
        ("n", "d"),
        ("n", "c"),
    ]
    assert found[0].ranks == {"dense": 2, "sparse": 1}
    assert found[0].score == pytest.approx(1 / 62 + 1 / 61)


def test_a_search_finds_the_most_relevant_document(bench: Bench) -> None:
    bench.source.put(
        bench.clock.now(),
        document(70, "The coroutine based echo server of Asio answers every socket with what it was sent"),
        document(71, "Compile times of the expression templates in Spirit grew with each release of it"),
    )
    bench.sync()
    best = search(bench.hook, "asio echo servers with coroutines", [NAMESPACE], 3)
    assert best[0].id == id_of(70)
    assert set(best[0].ranks) == {"dense", "sparse"}
    assert len(best) == 3
    assert search(bench.hook, "  ", [NAMESPACE]) == []
    assert search(bench.hook, "asio", ["no such namespace"]) == []
