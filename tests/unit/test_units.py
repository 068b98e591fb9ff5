from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from core.clock import FixedClock
from core.errors import RateLimited, SourceUnavailable, Stopped, UnitsFailed
from core.progress import Progress
from core.session import Session
from core.units import collect_units

CONN: Any = SimpleNamespace(closed=False, broken=False)


def run(work: Any, conn: Any = CONN) -> tuple[Any, list[str]]:
    clock = FixedClock()
    progress = Progress(clock=clock)

    def unit(name: str) -> None:
        progress.begin_unit(name)
        clock.sleep(3)
        work(name, progress)

    with capture_logs() as logs:
        try:
            result = collect_units(Session(conn, clock=clock, progress=progress), "abc", unit)
        except UnitsFailed as error:
            result = error
    return result, [entry["event"] for entry in logs]


def test_each_unit_logs_folded_details_and_one_line() -> None:
    result, lines = run(lambda name, progress: progress.count("new", 2))
    assert result.counts["new"] == 6
    assert lines[:3] == ["::group::a", "::endgroup::", "a: 2 new, 0 updated, 3.0 s"]


def test_a_failing_unit_does_not_stop_the_others() -> None:
    done: list[str] = []

    def work(name: str, progress: Progress) -> None:
        done.append(name)
        if name == "b":
            raise ValueError("jan@example.org is wrong")
        if name == "c":
            raise RateLimited("later", retry_after=9)

    result, lines = run(work)
    assert done == ["a", "b", "c"]
    assert str(result) == (
        "2 of 3 failed, the others are stored: b (validation): ValueError: *** is wrong; c (rate_limit): later"
    )
    assert result.retry_after == 9
    assert lines[4:6] == ["::endgroup::", "b: ValueError: *** is wrong"]


def test_a_limit_ends_the_loop_and_decides_when_to_try_again() -> None:
    done: list[str] = []

    def work(name: str, progress: Progress) -> None:
        done.append(name)
        if name == "a":
            raise SourceUnavailable("away", retry_after=2)
        raise RateLimited("the quota is used up", retry_after=900)

    result, _ = run(work)
    assert done == ["a", "b"]
    assert (result.category, result.retry_after, result.not_tried) == ("rate_limit", 900, 1)
    assert str(result) == (
        "2 of 3 failed and 1 not tried because a limit is reached, the others are stored: "
        "a (network): away; b (rate_limit): the quota is used up"
    )


def test_a_stop_and_a_lost_database_end_the_run() -> None:
    def stopped(name: str, progress: Progress) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        run(stopped)

    def lost(name: str, progress: Progress) -> None:
        raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        run(lost, SimpleNamespace(closed=True, broken=False))
