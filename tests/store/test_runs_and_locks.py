from __future__ import annotations

from dataclasses import replace

import psycopg
import pytest

from core.clock import FixedClock
from core.database import Conn
from core.errors import CollectorBusy, CollectorFailureCategory
from core.group_runs import GroupRun, failures_of_run, save_group_run
from core.locks import collector_lock
from core.runs import RunRecord, TaskTry, failed_in_a_row, killed_in_a_row

TASK = TaskTry("dag", "run", "task", -1, 1, 0)
NETWORK, AUTH = CollectorFailureCategory.NETWORK, CollectorFailureCategory.AUTH


def start(conn: Conn, clock: FixedClock, task: TaskTry = TASK) -> RunRecord:
    return RunRecord.start(conn, clock, task, tracker="t", command="c", options={"limit": 3})


def test_a_run_is_recorded_from_start_to_end(conn: Conn, clock: FixedClock) -> None:
    record = start(conn, clock)
    record.requests = 7
    record.touch({"new": 1})
    clock.sleep(90)
    record.finish("success", {"new": 2, "a/new": 2})
    row = conn.execute("SELECT state, counts, requests, seconds, options FROM core.run").fetchone()
    assert row == ("success", {"new": 2, "a/new": 2}, 7, 90, {"limit": 3})
    status = conn.execute("SELECT command, state, last_success_at FROM core.task_status").fetchone()
    assert status == ("c", "success", clock.now())


def test_the_next_try_closes_the_record_of_a_killed_one(conn: Conn, clock: FixedClock) -> None:
    for number in range(1, 5):
        record = start(conn, clock, replace(TASK, try_number=number))
    assert killed_in_a_row(record.earlier_tries()) == 3
    states = conn.execute("SELECT state, finished_at IS NULL FROM core.run ORDER BY id").fetchall()
    assert states == [("killed", False)] * 3 + [("running", True)]
    cleared = replace(TASK, try_number=5, cleared_at_try=4)
    assert start(conn, clock, cleared).earlier_tries() == []


def test_failures_are_counted_since_the_last_clear_and_by_category(conn: Conn, clock: FixedClock) -> None:
    for number, category in enumerate((AUTH, NETWORK, NETWORK), start=1):
        record = start(conn, clock, replace(TASK, try_number=number))
        record.finish("failed", {}, category=category)
    start(conn, clock, replace(TASK, try_number=4))
    tries = start(conn, clock, replace(TASK, try_number=5)).earlier_tries()
    assert tries == [("killed", None), ("failed", "network"), ("failed", "network"), ("failed", "auth")]
    assert failed_in_a_row(tries, NETWORK) == 2
    assert failed_in_a_row(tries, AUTH) == 0


def test_the_tries_of_a_run_share_a_key_until_one_succeeds(conn: Conn, clock: FixedClock) -> None:
    first = start(conn, clock)
    key = first.run_key()
    first.finish("failed", {}, category=NETWORK)
    second = start(conn, clock, replace(TASK, try_number=2))
    assert second.run_key() == key
    second.finish("success", {})
    cleared = start(conn, clock, replace(TASK, try_number=3, cleared_at_try=2)).run_key()
    others = [
        start(conn, clock, task).run_key() for task in (replace(TASK, run_id="other"), TaskTry(), TaskTry())
    ]
    assert len({key, cleared, *others}) == 5


def test_one_writer_at_a_time(conn: Conn, database: str) -> None:
    with psycopg.connect(database, autocommit=True) as other:
        with collector_lock(conn, "c", "a"):
            with (
                pytest.raises(CollectorBusy, match="c is already running for a"),
                collector_lock(other, "c", "a"),
            ):
                pass
            with collector_lock(other, "c", "b"):
                pass
            with conn.transaction():
                conn.execute("SELECT 1")
            with pytest.raises(CollectorBusy), collector_lock(other, "c", "a"):
                pass
        with collector_lock(other, "c", "a"):
            pass


def test_a_lock_ends_with_its_connection(conn: Conn, database: str) -> None:
    other = psycopg.connect(database, autocommit=True)
    with pytest.raises(ZeroDivisionError), collector_lock(other, "c"):
        other.close()
        raise ZeroDivisionError
    for _ in range(3000):
        try:
            with collector_lock(conn, "c"):
                return
        except CollectorBusy:
            conn.execute("SELECT pg_sleep(0.02)")
    pytest.fail("the lock outlived its connection")


def test_the_outcome_of_a_group_is_recorded(conn: Conn, clock: FixedClock) -> None:
    record = start(conn, clock)
    record.finish("failed", {}, category=AUTH, message="check the Connection")
    outcome = GroupRun(
        "g", "dag", "run", clock.now(), succeeded=1, failed=1, skipped=0, failed_tasks=("task",)
    )
    assert save_group_run(conn, outcome, clock.now()).inserted == 1
    assert save_group_run(conn, outcome, clock.now()).unchanged == 1
    assert failures_of_run(conn, "dag", "run") == {"task": "auth: check the Connection"}
    assert conn.execute("SELECT state, failed_tasks FROM core.group_status").fetchone() == (
        "failed",
        ["task"],
    )
