"""The documents of the mailing lists, and when they are indexed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from core.clock import FixedClock
from core.database import Conn
from core.session import Session
from hooks.pinecone_hook import PineconeHook
from sandbox.world import World
from tests.mail import BOOST, USERS, add_list, entry
from tests.pinecone import ids, ledger_ids, texts
from trackers.mailing_list.documents import IndexedMessage, document, documents
from trackers.pinecone.api import SyncResult, Target, sync_to_pinecone
from trackers.pinecone.preprocessor import bound
from trackers.pinecone.record import split_id

pytestmark = pytest.mark.usefixtures("hyperkitty")
LONG = "Some thoughts on the review of the library, with enough words to be found by a search later on."


def row(**changes: Any) -> IndexedMessage:
    values = {
        "message_hash": "H",
        "thread_hash": "T",
        "parent_hash": "P",
        "subject": "Shape subject",
        "content": "Shape body\n",
        "sent_at": datetime.fromisoformat("2024-05-06T07:08:09+00:00"),
        "url": "https://example.org/H",
        "author": "Jan Roe",
        "list_names": [BOOST],
    }
    return IndexedMessage(**(values | changes))


def test_the_text_of_a_message() -> None:
    content = document(row()).content
    assert content == (
        f"Subject: Shape subject\nSender: Jan Roe\nList: {BOOST}\nSent At: 2024-05-06T07:08:09Z\n\nShape body"
    )


def test_a_message_without_subject_body_and_date() -> None:
    found = document(row(subject="", content="", sent_at=None, author=""))
    assert found.content == f"List: {BOOST}"
    assert found.metadata["timestamp"] == 0


def test_the_metadata_of_a_message() -> None:
    assert document(row(list_names=[BOOST, USERS])).metadata == {
        "doc_id": "H",
        "type": "mailing",
        "thread_id": "T",
        "subject": "Shape subject",
        "author": "Jan Roe",
        "timestamp": 1714979289,
        "parent_id": "P",
        "list_name": BOOST,
        "list_names": [BOOST, USERS],
        "url": "https://example.org/H",
        "source_ids": ["H"],
    }


def found(conn: Conn, since: datetime | None = None, failed: tuple[str, ...] = ()) -> list[str]:
    return [d.metadata["doc_id"] for d in documents(conn, list(failed), since).documents]


def test_documents_are_new_changed_or_failed_messages(
    conn: Conn, world: World, run: Callable[..., Any], clock: FixedClock
) -> None:
    boost = add_list(world, 6)
    run()
    hashes = [entry(n).message_hash for n in range(6)]
    assert sorted(found(conn)) == sorted(hashes)
    clock.sleep(3600)
    now = clock.now()
    assert found(conn, now) == []
    assert found(conn, now, (f" {hashes[2]} ", hashes[2], "gone")) == [hashes[2]]
    assert list(documents(conn, [hashes[2], "gone"], now).gone_source_ids) == ["gone"]
    boost.attach(hashes[3], hashes[1])
    boost.add(entry(9))
    run()
    assert sorted(found(conn, now)) == sorted([hashes[3], entry(9).message_hash])


def test_a_renamed_sender_changes_the_documents_of_their_messages(
    conn: Conn, world: World, run: Callable[..., Any], clock: FixedClock
) -> None:
    boost = add_list(world, 3)
    run()
    clock.sleep(3600)
    now = clock.now()
    # An older post arrives, under the sender's first name.
    older = entry(
        9,
        sender_name="Earlier Name",
        sender_address="writer1@example.org",
        date=entry(0).date - timedelta(days=900),
    )
    boost.add(older)
    run()
    assert sorted(found(conn, now)) == sorted([older.message_hash, entry(1).message_hash])


def test_a_post_to_two_lists_is_one_document_until_both_copies_are_gone(
    conn: Conn, world: World, run: Callable[..., Any], clock: FixedClock
) -> None:
    for name in (BOOST, USERS):
        add_list(world, 2, name)
    both = (BOOST, USERS)
    run(list_names=both)
    one, other = sorted(documents(conn, [], None).documents, key=lambda d: str(d.metadata["doc_id"]))
    assert one.metadata["list_names"] == other.metadata["list_names"] == sorted(both)
    clock.sleep(3600)
    now, gone = clock.now(), entry(0).message_hash
    world.mail.lists[USERS].remove(gone)
    run(list_names=both, full_scan=True)
    (changed,) = documents(conn, [], now).documents
    assert (changed.metadata["doc_id"], "list_names" in changed.metadata) == (gone, False)
    assert list(documents(conn, [], now).deleted_doc_ids) == []
    world.mail.lists[BOOST].remove(gone)
    run(list_names=both, full_scan=True)
    assert list(documents(conn, [], now).deleted_doc_ids) == [gone]
    assert found(conn, now) == []


def test_pages_of_documents_show_each_message_once(
    conn: Conn, world: World, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trackers.mailing_list.documents.DOCUMENTS_PER_PAGE", 7)
    for name in (BOOST, USERS):
        add_list(world, 23, name)
    run(list_names=(BOOST, USERS))
    shown = found(conn)
    assert len(shown) == len(set(shown)) == 23


def test_edits_and_removals_reach_both_indexes_in_the_same_run(
    conn: Conn, world: World, run: Callable[..., Any], clock: FixedClock, pinecone: str
) -> None:
    def sync() -> SyncResult:
        hook = PineconeHook(clock=clock)
        session = Session(conn, clock=clock)
        result = sync_to_pinecone(session, hook, Target("mailing", "mailing"), bound(documents, conn))
        hook.close()
        return result

    def indexed_ids() -> set[str]:
        dense = ids(world, "dense", "mailing")
        assert dense == ids(world, "sparse", "mailing") == ledger_ids(conn)
        return dense

    boost = add_list(world, 0)
    for number in range(8):
        boost.add(entry(number, text=f"{LONG} {number}"))
    run()
    assert sync().upserted == 8
    edited, gone = entry(2).message_hash, entry(5).message_hash
    old = texts(world, namespace="mailing")[split_id(edited, 0)]
    boost.remove(gone)
    boost.by_hash[edited].text = f"{LONG} edited by hand"
    run(full_refresh=True)
    result = sync()
    assert (result.upserted, result.deleted) == (1, 1)
    assert len(indexed_ids()) == 7
    assert split_id(gone, 0) not in indexed_ids()
    assert old not in texts(world, namespace="mailing").values()
    assert "edited by hand" in texts(world, "sparse", "mailing")[split_id(edited, 0)]
