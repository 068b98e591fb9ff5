"""Rebuilding rows from raw payloads: batch by batch, beside what the index showed later, writing only what differs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from core import raw
from core.clock import FixedClock
from core.database import Conn
from core.session import Session
from sandbox.world import World
from tests.mail import BOOST, add_list, entry, rows
from tests.store.conftest import Run
from trackers.mailing_list import store
from trackers.mailing_list.options import MailingListOptions
from trackers.mailing_list.reprocess import reprocess

pytestmark = pytest.mark.usefixtures("hyperkitty")
TABLES = (
    "core.raw_payload",
    "mailing_list.message",
    "identity.mailing_list_profile",
    "identity.profile_alias",
    "identity.email",
)


def again(conn: Conn, clock: FixedClock, **options: Any) -> dict[str, int]:
    asked = MailingListOptions(list_names=(BOOST,), **options)
    return dict(reprocess(Session(conn, clock=clock), asked).counts)


def test_what_is_unchanged_is_neither_written_nor_locked(
    conn: Conn, world: World, run: Run, clock: FixedClock
) -> None:
    def versions() -> list[Any]:
        marks = "array_agg((ctid, xmin, xmax)::text ORDER BY ctid)"
        return [conn.execute(f"SELECT {marks} FROM {table}").fetchone() for table in TABLES]

    add_list(world, 12)
    run()
    before = versions()
    assert again(conn, clock)["unchanged"] == 12
    assert versions() == before


def test_index_items_find_their_messages_across_batches(
    conn: Conn, world: World, run: Run, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_list(world, 20)
    run()
    by_hash = sorted(entry(number).message_hash for number in range(20))
    moved = [by_hash[place] for place in (0, 1, 7, 8, 9, 19)]
    of_none = ["0" * 32, f"{by_hash[3][:-1]}0", "Z" * 32]
    items = []
    for message_hash in (*moved, *of_none):
        url = f"https://example.org/email/{message_hash}/"
        shown = {"message_id_hash": message_hash, "url": url, "subject": "As the index shows it"}
        key = store.raw_key(BOOST, message_hash)
        items.append(raw.RawItem(key, json.dumps(shown).encode(), clock.now()))
    with conn.transaction():
        raw.save(conn, store.SOURCE, store.INDEX_ITEM, items)
    monkeypatch.setattr(raw, "KEYS_PER_QUERY", 3)
    assert again(conn, clock)["updated"] == len(moved)
    assert sorted(rows(conn, where="subject = 'As the index shows it'")) == moved
    assert again(conn, clock)["unchanged"] == 20


def test_a_limit_ends_the_reading(
    conn: Conn, world: World, run: Run, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_list(world, 20)
    run()
    conn.execute("TRUNCATE mailing_list.message")
    monkeypatch.setattr(raw, "KEYS_PER_QUERY", 3)
    assert again(conn, clock, limit=5)["new"] == 5
    assert len(rows(conn)) == 5
