"""Failures of the mailing list tracker, with the sandbox and a real database."""

from __future__ import annotations

from typing import Any

import pytest

from core.clock import FixedClock
from core.database import Conn
from core.errors import RateLimited, SourceUnavailable, UnexpectedPayload, UnitsFailed
from core.session import Session
from hooks.mailing_list_hook import MailingListHook
from sandbox.faults import Fault
from sandbox.world import World
from tests.mail import BOOST, add_list, entry, requests, rows, state
from tests.store.conftest import Run
from trackers.mailing_list.estimate import estimate
from trackers.mailing_list.options import MailingListOptions

pytestmark = pytest.mark.usefixtures("hyperkitty")


def test_a_long_limit_fails_the_list_and_keeps_the_checkpoint(conn: Conn, world: World, run: Run) -> None:
    add_list(world, 5)
    world.faults.append(Fault(path="emails", status=429, headers={"Retry-After": "3600"}))
    with pytest.raises(UnitsFailed) as error:
        run()
    assert isinstance(error.value.failures[BOOST], RateLimited)
    assert (error.value.category, error.value.retry_after) == ("rate_limit", 3600)
    assert state(conn) == {}


def test_a_failing_list_does_not_stop_the_others(conn: Conn, world: World, run: Run) -> None:
    add_list(world, 3)
    with pytest.raises(UnitsFailed, match=r"1 of 2 failed.*no list no@where\.org") as error:
        run(list_names=("no@where.org", BOOST))
    assert error.value.category == "command"
    assert len(rows(conn)) == 3


def test_an_interrupted_run_is_continued_where_it_stopped(conn: Conn, world: World, run: Run) -> None:
    boost = add_list(world, 40)
    world.faults.append(Fault(path="emails/.*offset=21", status=503))
    with pytest.raises(UnitsFailed):
        run()
    assert len(rows(conn)) == 24
    assert state(conn)["frontier"] == []
    assert state(conn)["walk"]["from_end"] == 16
    world.faults.clear()
    for number in range(40, 43):
        boost.add(entry(number))
    requests(world)
    assert run()["new"] == 19
    fetched = [line for line in requests(world) if line.startswith("email/")]
    assert len(fetched) == len(set(fetched)) == 19
    assert len(rows(conn)) == 43
    assert state(conn)["walk"] is None
    assert state(conn)["frontier"][0] == entry(42).message_hash


@pytest.mark.parametrize(
    "fault",
    [
        Fault(path="x", kind="body", body="<html>502</html>", content_type="text/html"),
        Fault(path="x", kind="body", body='{"half": '),
        Fault(path="x", kind="body", body="[]"),
        Fault(path="x", kind="truncate"),
        Fault(path="x", status=500),
        Fault(path="x", status=400),
        Fault(path="x", kind="body", body='{"message_id_hash": "ANOTHER"}'),
    ],
    ids=["html", "half a document", "list", "breaks off", "500", "400", "another message"],
)
def test_an_unreadable_message_is_remembered_and_requested_again(
    conn: Conn, world: World, run: Run, fault: Fault
) -> None:
    add_list(world, 12)
    bad = entry(7).message_hash
    world.faults.append(Fault(f"email/{bad}", fault.kind, fault.status, body=fault.body))
    counts = run()
    assert (counts["new"], counts["unreadable"]) == (11, 1)
    assert list(state(conn)["pending"]) == [bad]
    assert run()["unreadable"] == 1
    world.faults.clear()
    assert run()["new"] == 1
    assert state(conn)["pending"] == {}
    assert len(rows(conn)) == 12


@pytest.mark.parametrize("body", ["<html>maintenance</html>", '{"results": ', '{"detail": "x"}'])
def test_an_unreadable_index_fails_the_list_and_loses_nothing(
    conn: Conn, world: World, run: Run, body: str
) -> None:
    add_list(world, 30)
    world.faults.append(Fault(path="emails/.*offset=14", kind="body", body=body))
    with pytest.raises(UnitsFailed, match=r"offset=14|emails/") as error:
        run()
    assert error.value.category == "validation"
    world.faults.clear()
    run()
    assert len(rows(conn)) == 30


def test_a_message_that_is_removed_between_index_and_detail(conn: Conn, world: World, run: Run) -> None:
    add_list(world, 4)
    world.faults.append(Fault(path=f"email/{entry(2).message_hash}", status=404))
    counts = run()
    assert (counts["new"], counts["removed_meanwhile"]) == (3, 1)
    assert state(conn)["pending"] == {}


def test_a_message_that_is_too_large_is_skipped_and_counted(conn: Conn, world: World, run: Run) -> None:
    boost = add_list(world, 4)
    boost.by_hash[entry(2).message_hash].text = "x" * 300_000
    counts = run(max_body=200_000)
    assert (counts["new"], counts["too_large"]) == (3, 1)
    assert run(full_scan=True)["new"] == 1


def test_large_bodies_nul_bytes_and_missing_hashes(conn: Conn, world: World, run: Run) -> None:
    boost = add_list(world, 4)
    boost.by_hash[entry(1).message_hash].text = "x" * 20_000_000
    boost.by_hash[entry(2).message_hash].text = "a\x00b"
    world.faults.append(
        Fault(path=f"email/{entry(3).message_hash}", kind="body", body='{"subject": "no hash"}')
    )
    counts = run()
    assert (counts["new"], counts["without_hash"]) == (3, 1)
    assert rows(conn, "length(content)", "message_id = '1@example.org'") == [20_000_000]
    assert rows(conn, "content", "message_id = '2@example.org'") == ["ab"]
    kinds = conn.execute("SELECT kind, count(*) FROM core.raw_payload GROUP BY 1 ORDER BY 1").fetchall()
    assert kinds == [("email", 3), ("email_without_hash", 1)]


@pytest.mark.parametrize(
    "text", ["x" * 3000, "ﷺ" * 3000, "\U0001f600" * 3000, "a\x00b\x07c", "' \\ \t \" %s {}"]
)
def test_extreme_texts_fit(conn: Conn, world: World, run: Run, text: str) -> None:
    boost = add_list(world, 2)
    changes: dict[str, Any] = {"subject": text, "sender_name": text, "message_id": f"{text}@x.org"}
    boost.add(entry(3, **changes | {"message_id": "3@x.org"}))
    boost.add(entry(4, sender_name=text, sender_address=f"{text}@example.org"))
    boost.add(entry(5, sender_name=text, sender_address=BOOST))
    assert run()["new"] == 5
    boost.by_hash[entry(3, message_id="3@x.org").message_hash].subject = text[::-1] + "!"
    run()
    assert len(rows(conn)) == 5


def test_too_many_bad_messages_fail_the_list(conn: Conn, world: World, run: Run) -> None:
    add_list(world, 60)
    world.faults.append(Fault(path="email/", kind="body", body="<html>"))
    with pytest.raises(UnitsFailed) as error:
        run()
    assert isinstance(error.value.failures[BOOST], UnexpectedPayload)


def test_a_source_that_goes_down_fails_the_list(conn: Conn, world: World, run: Run) -> None:
    add_list(world, 30)
    world.faults.append(Fault(path="email/", status=503, after=12))
    with pytest.raises(UnitsFailed) as error:
        run()
    assert isinstance(error.value.failures[BOOST], SourceUnavailable)
    world.faults.clear()
    run()
    assert len(rows(conn)) == 30


def test_a_dry_run_sends_one_request_per_list_and_stores_nothing(
    conn: Conn, world: World, run: Run, clock: FixedClock
) -> None:
    add_list(world, 30)
    hook = MailingListHook(clock=clock)
    options = MailingListOptions(list_names=(BOOST,), dry_run=True)
    counts = estimate(Session(conn, clock=clock), hook, options).counts
    assert (counts["in_archive"], counts["would_fetch"], counts["would_request"]) == (30, 30, 31)
    assert len(requests(world)) == 1
    assert rows(conn) == []
    run()
    requests(world)
    counts = estimate(Session(conn, clock=clock), hook, options).counts
    assert counts["would_fetch"] == 0
    hook.close()
