"""The mailing list tracker against the sandbox and a real database: the acceptance examples."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.clock import FixedClock
from core.database import Conn
from core.session import Session
from sandbox.world import World
from tests.crash.snapshot import snapshot
from tests.mail import BOOST, USERS, add_list, entry, requests, rows, state
from tests.store.conftest import Run
from trackers.mailing_list.options import MailingListOptions
from trackers.mailing_list.reprocess import reprocess

pytestmark = pytest.mark.usefixtures("hyperkitty")


def test_everything_then_nothing_then_only_what_is_new(conn: Conn, world: World, run: Run) -> None:
    boost = add_list(world, 35)
    assert run()["new"] == 35
    requests(world)
    before = snapshot(conn)
    counts = run()
    assert "new" not in counts
    assert requests(world) == ["emails/?limit=10&offset=0", "emails/?limit=10&offset=7"]
    assert snapshot(conn) == before
    for number in (35, 36, 37):
        boost.add(entry(number))
    assert run()["new"] == 3
    asked = requests(world)
    assert asked[0] == "emails/?limit=10&offset=0"
    assert sorted(asked[1:4]) == sorted(f"email/{entry(n).message_hash}/" for n in (35, 36, 37))
    assert asked[4:] == ["emails/?limit=10&offset=7"]
    assert len(rows(conn)) == 38


def test_rows_hold_what_was_sent(conn: Conn, world: World, run: Run) -> None:
    add_list(world, 1)
    run()
    (row,) = rows(
        conn, "message_id, subject, content, sender_name, sender_address, sent_at, listed, deleted_at"
    )
    assert row == (
        "0@example.org",
        "Subject 0",
        "Body 0",
        "Writer 0",
        "writer0@example.org",
        entry(0).date,
        True,
        None,
    )


def test_silly_dates_neither_stop_nor_skip_anything(conn: Conn, world: World, run: Run) -> None:
    boost = add_list(world, 12)
    run()
    boost.add(entry(12, date=datetime(1970, 1, 1, tzinfo=UTC)))
    boost.add(entry(13, date=datetime(2070, 1, 1, tzinfo=UTC)))
    boost.add(entry(14))
    assert run()["new"] == 3
    boost.add(entry(15))
    assert run()["new"] == 1
    assert datetime(2070, 1, 1, tzinfo=UTC) in rows(conn, "sent_at")


def test_a_late_message_is_found_by_where_it_is_archived_not_by_its_date(world: World, run: Run) -> None:
    boost = add_list(world, 40)
    run()
    boost.add(entry(41, date=datetime(2019, 1, 1, tzinfo=UTC)))
    assert run()["new"] == 1


def test_a_window_looks_past_old_dates_and_moves_no_checkpoint(conn: Conn, world: World, run: Run) -> None:
    boost = add_list(world, 0)
    day = datetime(2024, 6, 1, tzinfo=UTC)
    dates = {"a": 15, "b": -2000, "c": 14, "d": 9, "e": 0}
    for number, (name, days) in enumerate(reversed(dates.items())):
        boost.add(entry(number, message_id=f"{name}@example.org", date=day + timedelta(days=days)))
    counts = run(since=day + timedelta(days=9))
    assert rows(conn, "message_id") == ["a@example.org", "c@example.org", "d@example.org"]
    assert counts["new"] == 3
    assert state(conn) == {}
    run(since=day, until=day)
    assert rows(conn, "message_id")[-1] == "e@example.org"


def test_a_window_stops_after_a_page_far_before_it(world: World, run: Run) -> None:
    add_list(world, 60)
    assert run(since=entry(55).date, date_slack_days=1)["pages"] == 5
    # Whether a page is far before it shows when it is read; some of the nine may be on their way by then.
    assert sum(line.startswith("emails") for line in requests(world)) < 9


def test_a_limit(conn: Conn, world: World, run: Run) -> None:
    add_list(world, 30)
    assert run(limit=12)["new"] == 12
    assert state(conn) == {}
    assert run()["new"] == 18


def test_a_cross_posted_message_is_a_row_in_each_list(conn: Conn, world: World, run: Run) -> None:
    add_list(world, 2)
    add_list(world, 1, USERS)
    assert run(list_names=(USERS, BOOST))["new"] == 3
    both = f"message_hash = '{entry(0).message_hash}'"
    assert sorted(rows(conn, "list_name", both)) == [USERS, BOOST]


def test_threads_move_and_subjects_change(conn: Conn, world: World, run: Run, clock: FixedClock) -> None:
    boost = add_list(world, 8)
    run()
    (first,) = rows(conn, "updated_at", f"message_hash = '{entry(5).message_hash}'")
    boost.attach(entry(5).message_hash, entry(2).message_hash)
    assert run()["updated"] == 1
    where = f"message_hash = '{entry(5).message_hash}'"
    assert rows(conn, "thread_hash, parent_hash", where) == [(entry(2).message_hash, entry(2).message_hash)]
    (second,) = rows(conn, "updated_at", where)
    assert second > first
    before = snapshot(conn)
    reprocess(Session(conn, clock=clock), MailingListOptions(list_names=(BOOST,)))
    assert snapshot(conn) == before
    assert rows(conn, "updated_at", where) == [second]


def test_reprocessing_rebuilds_rows_without_a_request(
    conn: Conn, world: World, run: Run, clock: FixedClock
) -> None:
    add_list(world, 12)
    run()
    before = snapshot(conn)
    conn.execute("DELETE FROM mailing_list.message WHERE message_id LIKE '%1@%'")
    conn.execute("UPDATE mailing_list.message SET subject = 'spoilt' WHERE message_id = '2@example.org'")
    world.traffic.clear()
    session = Session(conn, clock=clock)
    reprocess(session, MailingListOptions(list_names=(BOOST,)))
    assert snapshot(conn) == before
    assert not world.traffic.recent
    assert session.progress.counts["new"] == 2
    assert session.progress.counts["updated"] == 1


def test_a_full_scan_finds_imports_and_what_a_moderator_removed(conn: Conn, world: World, run: Run) -> None:
    boost = add_list(world, 45)
    run()
    boost.add(entry(500, archived_at=entry(3).archived_at + timedelta(minutes=1)))
    boost.remove(entry(20).message_hash)
    boost.remove(entry(2).message_hash)
    assert "new" not in run()
    assert rows(conn, "message_id", "deleted_at IS NOT NULL") == []
    counts = run(full_scan=True)
    assert (counts["new"], counts["removed"]) == (1, 2)
    assert rows(conn, "message_id", "deleted_at IS NOT NULL") == ["20@example.org", "2@example.org"]
    assert "removed" not in run(full_scan=True)


def test_what_is_missing_in_the_index_but_answers_is_not_removed(conn: Conn, world: World, run: Run) -> None:
    boost = add_list(world, 5)
    run()
    boost.entries.remove(boost.by_hash[entry(2).message_hash])
    assert run(full_scan=True)["unlisted"] == 1
    assert rows(conn, "message_id", "deleted_at IS NOT NULL") == []


def test_a_removed_message_that_comes_back(conn: Conn, world: World, run: Run) -> None:
    boost = add_list(world, 5)
    run()
    boost.remove(entry(4).message_hash)
    run(full_scan=True)
    boost.add(entry(4))
    assert run()["updated"] == 1
    assert rows(conn, "message_id", "deleted_at IS NOT NULL") == []


def test_a_full_refresh_takes_changed_bodies(conn: Conn, world: World, run: Run) -> None:
    boost = add_list(world, 15)
    run()
    boost.by_hash[entry(3).message_hash].text = "redacted"
    counts = run(full_refresh=True)
    assert (counts["updated"], counts["unchanged"]) == (1, 14)
    assert rows(conn, "content", "message_id = '3@example.org'") == ["redacted"]


def test_messages_removed_while_a_page_is_read_do_not_hide_others(conn: Conn, world: World, run: Run) -> None:
    boost = add_list(world, 40)
    original = boost.newest_first
    removed = []

    def shrinking(offset: int, limit: int) -> Any:
        if offset >= 7 and not removed:
            removed.extend(entry(n).message_hash for n in (39, 38, 37, 36, 35))
            for message_hash in removed:
                boost.remove(message_hash)
        return original(offset, limit)

    boost.newest_first = shrinking  # type: ignore[method-assign]
    run()
    assert len(rows(conn)) == 40 - 5 + len([h for h in removed if h in rows(conn)])
    assert set(rows(conn)) >= {e.message_hash for e in boost.entries}


def test_senders(conn: Conn, world: World, run: Run) -> None:
    boost = add_list(world, 0)
    for number, (name, address) in enumerate(
        [
            ("Jan Roe", "jan.roe@example.org"),
            ("J. Roe", "Jan.Roe@Example.org"),
            ("Jan Roe via Boost", BOOST),
            ("Pat Poe via Boost", BOOST),
            ("", ""),
            ("", "nonsense"),
            ("", "someone@example.org"),
        ]
    ):
        boost.add(entry(number, sender_name=name, sender_address=address))
    counts = run()
    assert counts["incomplete"] == 2
    profiles = conn.execute(
        "SELECT display_name, count(*) FROM identity.mailing_list_profile JOIN mailing_list.message ON "
        "profile_id = mailing_list_profile_id GROUP BY sender_key, display_name ORDER BY 1, 2"
    ).fetchall()
    assert profiles == [("Jan Roe", 1), ("Jan Roe", 2), ("Pat Poe", 1), ("Unknown Sender", 2), ("someone", 1)]
    emails = conn.execute("SELECT email, is_shared, is_primary FROM identity.email ORDER BY 1, 2").fetchall()
    assert emails == [
        (BOOST, True, True),
        (BOOST, True, True),
        ("jan.roe@example.org", False, True),
        ("someone@example.org", False, True),
    ]


def test_names_do_not_depend_on_the_order_of_arrival(conn: Conn, world: World, run: Run) -> None:
    boost = add_list(world, 0)
    early = datetime(2001, 1, 1, tzinfo=UTC)
    boost.add(entry(1, sender_name="Married Name", sender_address="x@example.org"))
    run()
    boost.add(entry(2, sender_name="First Name", sender_address="x+old@example.org", date=early))
    run()
    assert conn.execute("SELECT display_name FROM identity.mailing_list_profile").fetchall() == [
        ("First Name",)
    ]
    assert conn.execute("SELECT email FROM identity.email WHERE is_primary").fetchall() == [
        ("x+old@example.org",)
    ]
    aliases = conn.execute("SELECT name, first_seen_at FROM identity.profile_alias ORDER BY 1").fetchall()
    assert aliases == [("First Name", early), ("Married Name", entry(1).date)]


def test_what_people_did_is_shown_without_addresses(conn: Conn, world: World, run: Run) -> None:
    boost = add_list(world, 2)
    boost.add(entry(7, subject="Re: ask jan@example.org\n about it", sender_address="jan@example.org"))
    boost.add(entry(8))
    run()
    boost.remove(entry(8).message_hash)
    run(full_scan=True)
    found = conn.execute(
        "SELECT external_id, occurred_at, activity_type, actor_external_id, source_url, summary, place, profile_id"
        "  FROM mailing_list.activity ORDER BY occurred_at"
    ).fetchall()
    assert len(found) == 3
    external_id, occurred_at, kind, actor, url, summary, place, profile_id = found[-1]
    assert external_id == f"{BOOST}/{entry(7).message_hash}"
    assert (occurred_at, kind, place) == (entry(7).date, "mailing_list.message", BOOST)
    assert summary == "Re: ask *** about it"
    assert url.endswith(f"/message/{entry(7).message_hash}/")
    assert profile_id
    assert "@" not in actor
