"""Which collectors of a group run, and why others are skipped."""

from __future__ import annotations

from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException

from core import releases
from core.clock import FixedClock
from core.database import Conn
from core.errors import ConfigurationError, SourceUnavailable
from core.schedule import ScheduledTask, ScheduleKind
from operators.collector import CollectorOperator
from operators.framework.due import ChainPosition, Due
from operators.framework.release_sources import RELEASE_SOURCES
from tests.dags.test_collector import Small

TUESDAY = datetime(2026, 11, 24, 4, 10, tzinfo=UTC)
DAILY = ScheduledTask("daily", "c", ScheduleKind.DAILY)
MONDAYS = ScheduledTask("mondays", "c", ScheduleKind.WEEKLY, day=1)
FIRST = ScheduledTask("first", "c", ScheduleKind.MONTHLY, day=1)
OFTEN = ScheduledTask("often", "c", ScheduleKind.INTERVAL, minutes=15)


def context(day: datetime = TUESDAY, crumbs: dict[str, str] | None = None, **params: Any) -> Any:
    ended = [{"task_id": name, "state": state} for name, state in (crumbs or {}).items()]
    ti = SimpleNamespace(dag_id="d", run_id="r", get_task_breadcrumbs=lambda dag_id, run_id: ended)
    return {"dag_run": SimpleNamespace(logical_date=day, run_after=day), "ti": ti, "params": params}


def reason(task: ScheduledTask, here: Any, **position: Any) -> str:
    return Due.of(ChainPosition(task, "g", **position), here).reason_to_skip()


@pytest.mark.parametrize(
    ("task", "params", "expected"),
    [
        (DAILY, {}, ""),
        (MONDAYS, {}, "not due on Tuesday, 2026-11-24: runs weekly, Monday"),
        (OFTEN, {}, ""),
        (DAILY, {"only": ["mondays"]}, "not requested: only mondays"),
        (DAILY, {"only": ["daily", "x"]}, ""),
        (DAILY, {"schedule_kind": "weekly"}, "not due"),
        (DAILY, {"schedule_kind": "default"}, ""),
        (MONDAYS, {"schedule_kind": "weekly"}, "not due"),
        (MONDAYS, {"schedule_kind": "weekly", "day_of_week": "mon"}, ""),
        (FIRST, {"schedule_kind": "monthly", "day_of_month": 1}, ""),
        (FIRST, {"schedule_kind": "monthly", "day_of_month": 2}, "not due"),
    ],
)
def test_which_tasks_are_due(task: ScheduledTask, params: dict[str, Any], expected: str) -> None:
    found = reason(task, context(**params))
    assert found.startswith(expected) if expected else found == ""


@pytest.mark.parametrize(
    ("task", "params"),
    [
        (MONDAYS, {"schedule_kind": "weekly", "day_of_week": "monday"}),
        (FIRST, {"schedule_kind": "monthly", "day_of_month": 1}),
        (
            ScheduledTask("last", "c", ScheduleKind.MONTHLY, 31),
            {"schedule_kind": "monthly", "day_of_month": 30},
        ),
    ],
)
def test_skip_reason_names_the_params_that_run_the_task_now(
    task: ScheduledTask, params: dict[str, Any]
) -> None:
    remedy = reason(task, context(only=[task.id])).partition("; to run it now, trigger with ")[2]
    assert remedy == " and ".join(f"{name} {value}" for name, value in params.items())
    assert reason(task, context(only=[task.id], **params)) == ""


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"day_of_week": "someday"}, "day_of_week must be monday..sunday or mon..sun"),
        ({"day_of_month": 32}, "day_of_month must be 1-31"),
    ],
)
def test_invalid_days_are_refused(params: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Due.of(ChainPosition(DAILY), context(**params))


def test_a_repeated_task_is_skipped_only_if_the_earlier_one_runs() -> None:
    later = {"repeats": (MONDAYS,)}
    assert reason(DAILY, context(), **later) == ""
    monday = context(datetime(2026, 11, 23, tzinfo=UTC))
    assert reason(DAILY, monday, **later) == "already run in this batch, by mondays"
    assert reason(DAILY, context(datetime(2026, 11, 23, tzinfo=UTC), only=["daily"]), **later) == ""


@pytest.mark.parametrize(
    ("group", "param", "states", "skipped"),
    [
        (True, None, {"a": "failed"}, True),
        (True, None, {"a": "success"}, False),
        (True, None, {"a": "skipped", "other": "failed"}, False),
        (False, None, {"a": "failed"}, False),
        (False, True, {"a": "failed"}, True),
        (True, False, {"a": "failed"}, False),
    ],
)
def test_stop_on_failure(group: bool, param: bool | None, states: dict[str, str], skipped: bool) -> None:
    here = context(crumbs=states, stop_on_failure=param)
    found = reason(DAILY, here, earlier=("a",), stop_on_failure=group)
    assert bool(found) is skipped
    if skipped:
        assert found == "daily of group g is not run: stop_on_failure, and a failed"


# -- catching up -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "last", "due"),
    [
        (date(2026, 11, 24), None, True),
        (date(2026, 11, 24), date(2026, 11, 16), True),
        (date(2026, 11, 24), date(2026, 11, 23), False),
        (date(2026, 11, 29), date(2026, 11, 16), True),
        (date(2026, 11, 29), date(2026, 11, 24), False),
    ],
)
def test_a_missed_day_is_caught_up_within_a_week(day: date, last: date | None, due: bool) -> None:
    task = ScheduledTask("w", "c", ScheduleKind.WEEKLY, day=1, catch_up=True)
    assert task.is_overdue(day, last) is due
    assert not ScheduledTask("w", "c", ScheduleKind.WEEKLY, day=1).is_overdue(day, last)


def test_a_month_missed_more_than_a_week_ago_is_not_caught_up() -> None:
    task = ScheduledTask("m", "c", ScheduleKind.MONTHLY, day=1, catch_up=True)
    assert task.is_overdue(date(2026, 11, 8), date(2026, 10, 1))
    assert not task.is_overdue(date(2026, 11, 9), date(2026, 10, 1))
    assert task.latest_due(date(2026, 11, 9)) == date(2026, 11, 1)
    assert ScheduledTask("m", "c", ScheduleKind.MONTHLY, day=31).latest_due(date(2026, 3, 1)) == date(
        2026, 2, 28
    )


def test_the_last_success_is_read_from_the_recorded_runs(conn: Conn) -> None:
    task = ScheduledTask("small", "c", ScheduleKind.WEEKLY, day=1, catch_up=True)
    assert reason(task, context()) == ""
    conn.execute(
        """INSERT INTO core.run (tracker, command, dag_id, run_id, task_id, state, started_at, seen_at, finished_at)
           VALUES ('t', 'c', 'd', 'x', 'small', 'success', %(at)s, %(at)s, %(at)s)""",
        {"at": datetime(2026, 11, 23, 5, tzinfo=UTC)},
    )
    assert reason(task, context()).startswith("not due")


# -- releases ----------------------------------------------------------------------------------------------------


class Tags:
    """A release source with the given versions."""

    def __init__(self, published: list[str], catalogued: list[str]) -> None:
        self._published, self._catalogued = published, catalogued

    def published(self) -> list[str]:
        return self._published

    def catalogued(self, conn: Conn) -> list[str]:
        return self._catalogued


def test_a_new_consumer_gets_only_releases_that_follow(conn: Conn, clock: FixedClock) -> None:
    tags = Tags(["1.9.0", "1.10.0", "1.89.0", "1.90.0"], ["1.9.0", "1.10.0", "1.89.0"])

    def pending(consumer: str, force: bool = False) -> tuple[str, ...]:
        return releases.pending(conn, consumer, tags, force=force, now=clock.now())

    assert pending("g.docs") == ("1.90.0",)
    releases.consume(conn, "g.docs", ["1.90.0"], clock.now())
    assert pending("g.docs") == ()
    # A release that one consumer handled is still pending for another one.
    assert pending("g.other") == ("1.90.0",)
    assert pending("g.forced", force=True) == ("1.9.0", "1.10.0", "1.89.0", "1.90.0")


@pytest.fixture
def tags() -> Any:
    found = Tags(["1.90.0", "1.91.0"], ["1.90.0"])
    RELEASE_SOURCES.append(lambda: found)
    yield found
    RELEASE_SOURCES.clear()


def gated(steps: list[str], **more: Any) -> CollectorOperator:
    return Small(
        steps=steps,
        position=ChainPosition(ScheduledTask("small", "run_small", ScheduleKind.ON_RELEASE), "g"),
        **more,
    )


def run_context(**params: Any) -> Any:
    from tests.dags.test_collector import context as collector_context

    return collector_context(params)


@pytest.fixture(autouse=True)
def _variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow.sdk.Variable.get", lambda name, default=None: default)


def test_a_release_is_handled_once_and_again_if_it_failed(conn: Conn, tags: Tags) -> None:
    def fail(operator: Any) -> None:
        assert operator.versions == ("1.91.0",)
        raise SourceUnavailable("down")

    with pytest.raises(SourceUnavailable):
        gated([], work=fail).execute(run_context())
    operator = gated([])
    operator.execute(run_context())
    assert operator.versions == ("1.91.0",)
    with pytest.raises(
        AirflowSkipException, match="there is no Boost release that this task has not handled"
    ):
        gated([]).execute(run_context())
    with pytest.raises(AirflowSkipException, match="no Boost release"):
        gated([]).execute(run_context(force_release=True))
    consumed = conn.execute("SELECT consumer, version FROM core.release_consumption ORDER BY 2").fetchall()
    assert consumed == [("g.small", "1.90.0"), ("g.small", "1.91.0")]


def test_a_dry_run_consumes_nothing(conn: Conn, tags: Tags) -> None:
    gated([]).execute(run_context(dry_run=True))
    assert conn.execute("SELECT version FROM core.release_consumption").fetchall() == [("1.90.0",)]


def test_an_unavailable_release_source_fails_only_tasks_that_need_it(
    conn: Conn, tags: Tags, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down() -> list[str]:
        raise SourceUnavailable("GitHub is down")

    monkeypatch.setattr(tags, "published", down)
    with pytest.raises(SourceUnavailable):
        gated([]).execute(run_context())
    Small(steps=[], position=ChainPosition(DAILY, "g")).execute(run_context())
