"""The loop over units, one after the other and side by side."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from structlog.testing import capture_logs

from core.clock import FixedClock
from core.database import Conn, execute
from core.errors import CollectorBusy, DatabaseFailure, RateLimited, SourceUnavailable, Stopped, UnitsFailed
from core.locks import collector_lock
from core.progress import Progress
from core.session import Session, UnitSession
from core.units import collect_units
from tests.waiting import until

Work = Callable[[UnitSession], None]


@pytest.fixture
def session(conn: Conn, clock: FixedClock, database: str) -> Session:
    """A session of three workers."""
    return Session(
        conn,
        clock=clock,
        progress=Progress(clock=clock),
        command="c",
        connect=lambda: psycopg.connect(database, autocommit=True),
        side_by_side=3,
    )


@pytest.fixture
def alone(conn: Conn, clock: FixedClock) -> Session:
    return Session(conn, clock=clock, progress=Progress(clock=clock), command="c")


def lines_of(session: Session, work: Work, names: str = "abc") -> tuple[Any, list[str]]:
    with capture_logs() as logs:
        try:
            result = collect_units(session, names, work, noun="lists")
        except UnitsFailed as error:
            result = error
    return result, [entry["event"] for entry in logs]


def test_each_unit_logs_folded_details_and_one_line(alone: Session, clock: FixedClock) -> None:
    def work(unit: UnitSession) -> None:
        clock.sleep(3)
        unit.progress.count("new", 2)

    result, lines = lines_of(alone, work)
    assert result.counts["new"] == 6
    assert lines[:3] == ["::group::a", "::endgroup::", "a: 2 new, 0 updated, 3.0 s"]


def test_no_name_and_no_error_forges_a_line_of_the_log(
    alone: Session, clock: FixedClock, database: str
) -> None:
    forged = "a\n::group::b"

    def work(unit: UnitSession) -> None:
        unit.log.info(f"began with {unit.name}")
        unit.log.warning(f"warned of {unit.name}")
        clock.sleep(20)
        unit.progress.advance(1)
        raise SourceUnavailable(f"{unit.name} is away")

    with capture_logs() as logs, pytest.raises(UnitsFailed) as failed:
        collect_units(alone, [forged], work)
    shown = r"a\n: :group::b"
    assert [entry["event"] for entry in logs] == [
        f"::group::{shown}",
        f"{shown}: began with {shown}",
        f"{shown}: warned of {shown}",
        f"{shown}: 1, 0/s, 0 requests",
        "::endgroup::",
        f"{shown}: {shown} is away",
    ]
    assert str(failed.value) == f"1 of 1 failed, the others are stored: {shown} (network): {shown} is away"
    assert list(failed.value.failures) == [forged]
    with psycopg.connect(database, autocommit=True) as other, collector_lock(other, "c", forged):
        with pytest.raises(CollectorBusy) as busy:
            collect_units(alone, [forged], work)
        assert f"collecting {shown};" in str(busy.value)


def test_a_failing_unit_does_not_stop_the_others(alone: Session) -> None:
    done: list[str] = []

    def work(unit: UnitSession) -> None:
        done.append(unit.name)
        if unit.name == "b":
            raise ValueError("jan@example.org is wrong")
        if unit.name == "c":
            raise RateLimited("later", retry_after=9)

    result, lines = lines_of(alone, work)
    assert done == ["a", "b", "c"]
    assert str(result) == (
        "2 of 3 failed, the others are stored: b (validation): ValueError: *** is wrong; c (rate_limit): later"
    )
    assert result.retry_after == 9
    assert lines[4:6] == ["::endgroup::", "b: ValueError: *** is wrong"]


def test_a_limit_ends_the_loop_and_decides_when_to_try_again(alone: Session) -> None:
    done: list[str] = []

    def work(unit: UnitSession) -> None:
        done.append(unit.name)
        if unit.name == "a":
            raise SourceUnavailable("away", retry_after=2)
        raise RateLimited("the quota is used up", retry_after=900)

    result, _ = lines_of(alone, work)
    assert done == ["a", "b"]
    assert (result.category, result.retry_after, result.not_tried) == ("rate_limit", 900, 1)
    assert str(result) == (
        "2 of 3 failed and 1 not tried because a limit is reached, the others are stored: "
        "a (network): away; b (rate_limit): the quota is used up"
    )


def test_a_stop_ends_the_run(alone: Session) -> None:
    def work(unit: UnitSession) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        lines_of(alone, work)


def test_several_units_are_collected_at_a_time_each_over_its_own_connection(session: Session) -> None:
    together, pids = threading.Barrier(3, timeout=60), set()

    def work(unit: UnitSession) -> None:
        together.wait()
        pids.add(unit.conn.info.backend_pid)
        unit.log.info("halfway")
        unit.progress.count("new", 2)

    result, lines = lines_of(session, work)
    assert len(pids) == 3
    assert result.counts == {"new": 6, "a/new": 2, "b/new": 2, "c/new": 2}
    assert sorted(lines) == sorted(
        f"{name}: {line}" for name in "abc" for line in ("halfway", "2 new, 0 updated, 0.0 s")
    )


def test_failures_are_named_in_the_order_of_the_units(session: Session) -> None:
    b_failed = threading.Event()

    def work(unit: UnitSession) -> None:
        if unit.name == "a":
            assert b_failed.wait(60)
        elif unit.name == "b":
            b_failed.set()
        raise SourceUnavailable(f"{unit.name} is away")

    result, _ = lines_of(session, work)
    assert list(result.failures) == ["a", "b", "c"]


def test_a_limit_ends_all_workers_but_not_the_units_under_way(session: Session) -> None:
    began, limited, done = threading.Barrier(3, timeout=60), threading.Event(), []

    def work(unit: UnitSession) -> None:
        if unit.name in "abc":
            began.wait()
        if unit.name == "a":
            limited.set()
            raise RateLimited("the quota is used up", retry_after=900)
        assert limited.wait(60)
        done.append(unit.name)

    result, _ = lines_of(session, work, "abcdefgh")
    assert list(result.failures) == ["a"]
    assert {"b", "c"} <= set(done)
    assert len(done) + 1 + result.not_tried == 8


@pytest.mark.parametrize("workers", [1, 3])
def test_a_busy_unit_does_not_stop_the_others_but_the_task_is_retried(
    session: Session, database: str, workers: int
) -> None:
    session.side_by_side = workers
    done = []
    with (
        psycopg.connect(database, autocommit=True) as other,
        collector_lock(other, "c", "b"),
        pytest.raises(CollectorBusy, match="another task is collecting b"),
    ):
        collect_units(session, "abc", lambda unit: done.append(unit.name))
    assert sorted(done) == ["a", "c"]


def test_a_busy_unit_is_named_beside_a_failure(session: Session, database: str) -> None:
    def work(unit: UnitSession) -> None:
        raise SourceUnavailable("away")

    with psycopg.connect(database, autocommit=True) as other, collector_lock(other, "c", "b"):
        result, _ = lines_of(session, work, "ab")
    assert "b (unknown): c is already running for b" in str(result)


def test_a_lost_connection_ends_the_run(session: Session, alone: Session) -> None:
    def work(unit: UnitSession) -> None:
        if unit.name == "a":
            unit.conn.pgconn.finish()
            execute(unit.conn, "core/release_lock", {"name": "x"})

    for each in (session, alone):
        with pytest.raises(DatabaseFailure):
            lines_of(each, work)
    assert alone.conn.closed


@pytest.fixture
def stop_by_signal() -> Iterator[None]:
    """SIGUSR1 stops as Airflow does: with an exception in the main thread."""

    def stop(number: int, frame: object) -> None:
        raise Stopped

    before = signal.signal(signal.SIGUSR1, stop)
    yield
    signal.signal(signal.SIGUSR1, before)


def test_a_stopped_run_waits_for_no_statement_under_way(session: Session, stop_by_signal: None) -> None:
    ended = threading.Event()

    def others_sleep(conn: Conn) -> bool:
        query = (
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT pg_sleep%'"
        )
        return conn.execute(query).fetchone() == (2,)

    def work(unit: UnitSession) -> None:
        if unit.name == "a":
            until(lambda: others_sleep(unit.conn))
            os.kill(os.getpid(), signal.SIGUSR1)
            return
        try:
            unit.conn.execute("SELECT pg_sleep(500)")
        except psycopg.errors.QueryCanceled:
            if unit.name == "b":
                ended.set()
            raise

    with pytest.raises(Stopped):
        collect_units(session, "abc", work)
    assert ended.wait(60)


def test_the_log_says_how_far_the_run_is(alone: Session, clock: FixedClock) -> None:
    def work(unit: UnitSession) -> None:
        for done in range(1, 11):
            clock.sleep(2)
            unit.progress.expect_requests("notes", left=10 - done)
            unit.progress.advance(100)

    _, lines = lines_of(alone, work)
    assert lines[1:3] == [
        "a: 500, 50/s, 0 requests",
        "0 of 3 lists, 17% of requests, about 50 s left",
    ]
    assert "1 of 3 lists, 50% of requests, about 30 s left" in lines


def test_units_end_at_their_next_step_after_a_stop(session: Session, stop_by_signal: None) -> None:
    stopped, steps = threading.Event(), []

    def work(unit: UnitSession) -> None:
        if unit.name == "a":
            os.kill(os.getpid(), signal.SIGUSR1)
        assert stopped.wait(60)
        for step in range(1000):
            unit.progress.advance(1)
            steps.append(step)

    with capture_logs() as logs, pytest.raises(Stopped):
        collect_units(session, "abc", work)
    stopped.set()
    until(lambda: not any(thread.name == "unit" for thread in threading.enumerate()))
    assert steps == []
    assert logs == []


def test_a_lost_connection_ends_the_other_units_at_their_next_step(session: Session) -> None:
    lost = threading.Event()

    def work(unit: UnitSession) -> None:
        if unit.name == "a":
            unit.conn.pgconn.finish()
            lost.set()
            execute(unit.conn, "core/release_lock", {"name": "x"})
        assert lost.wait(60)
        while True:
            unit.progress.advance(1)

    with pytest.raises(DatabaseFailure):
        lines_of(session, work)


def test_a_unit_that_is_named_twice_is_collected_once(session: Session) -> None:
    done = []
    collect_units(session, ("a", "b", "a"), lambda unit: done.append(unit.name))
    assert sorted(done) == ["a", "b"]
