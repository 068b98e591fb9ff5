"""The life cycle of a collector: of a small one made for the tests, and of the mailing lists."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, AirflowTaskTimeout
from psycopg.conninfo import conninfo_to_dict

from core.database import Conn
from core.errors import (
    CollectorBusy,
    ConfigurationError,
    DatabaseFailure,
    SourceUnavailable,
    Stopped,
    UnitsFailed,
    classify_failure,
    safe_message,
)
from core.locks import collector_lock
from core.options import CommonOptions
from core.protocols import Collected, TrackerResult
from core.schedule import ScheduledTask, ScheduleKind
from launcher.postgres import EmbeddedServer
from operators.collector import CollectorOperator
from operators.finalise import FinaliseOperator
from operators.framework.due import ChainPosition, run_date
from operators.mailing_list_collector import MailingListCollectorOperator
from sandbox.faults import Fault
from sandbox.world import World
from tests.databases import connection_json
from tests.mail import BOOST, add_list

MONDAY = datetime(2026, 11, 23, 4, 10, tzinfo=UTC)


@dataclass(frozen=True)
class NoOptions(CommonOptions):
    pass


class Small(CollectorOperator):
    """Records its steps and does the work that a test passes."""

    command = "run_small"
    tracker = "mailing_list"
    options_type = NoOptions

    def __init__(
        self, *, steps: list[str], work: Callable[[Any], None] = lambda op: None, **kwargs: Any
    ) -> None:
        super().__init__(task_id="small", **kwargs)
        self.steps, self.work = steps, work

    def validate(self) -> None:
        self.steps.append("validate")

    def collect(self) -> TrackerResult:
        self.steps.append("collect")
        self.session.progress.count("new", 2)
        self.work(self)
        return Collected(counts={"new": 2})

    def estimate(self) -> TrackerResult:
        self.steps.append("estimate")
        return Collected(counts={"would_fetch": 1})

    def reprocess(self) -> TrackerResult:
        self.steps.append("reprocess")
        return Collected()

    def close(self) -> None:
        self.steps.append("close")


class Ti(SimpleNamespace):
    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value

    def get_task_breadcrumbs(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        return list(self.crumbs)


def context(params: dict[str, Any] | None = None, try_number: int = 1, **more: Any) -> Any:
    ti = Ti(
        dag_id="d",
        run_id="r",
        task_id="small",
        map_index=-1,
        try_number=try_number,
        max_tries=24,
        task=SimpleNamespace(retries=24),
        pushed={},
        crumbs=[],
    )
    dag_run = SimpleNamespace(logical_date=MONDAY, run_after=MONDAY)
    return {"params": params or {}, "ti": ti, "dag_run": dag_run} | more


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow.sdk.Variable.get", lambda name, default=None: default)


def runs(conn: Conn) -> list[Any]:
    query = "SELECT state, failure_category, message, counts FROM core.run ORDER BY id"
    return conn.execute(query).fetchall()


def test_validate_then_collect_then_close(conn: Conn) -> None:
    steps: list[str] = []
    assert Small(steps=steps).execute(context()) == {"new": 2}
    assert steps == ["validate", "collect", "close"]
    assert runs(conn) == [("success", None, "", {"new": 2})]


@pytest.mark.parametrize(
    ("params", "step"), [({"dry_run": True}, "estimate"), ({"reprocess": True}, "reprocess")]
)
def test_a_dry_run_estimates_and_a_reprocess_run_reprocesses(
    conn: Conn, params: dict[str, Any], step: str
) -> None:
    steps: list[str] = []
    Small(steps=steps).execute(context(params))
    assert steps == ["validate", step, "close"]


def test_a_failure_is_recorded_and_its_counts_are_pushed(conn: Conn) -> None:
    def fail(op: Any) -> None:
        raise SourceUnavailable("the archive is down")

    for number in (1, 2, 3):
        here = context(try_number=number)
        with pytest.raises(SourceUnavailable) as error:
            Small(steps=[], work=fail).execute(here)
        assert error.value.failures_in_a_row == number
        assert here["ti"].pushed == {"counts": {"new": 2}}
    assert runs(conn)[-1] == ("failed", "network", "the archive is down", {"new": 2})


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"since": "not-a-date"}, "param since: not an ISO 8601"),
        ({"since": "2026-02-01", "until": "2026-01-01"}, "since .* is after until"),
        ({"limit": 0}, "param limit: must be at least 1"),
        ({"limit": True}, "param limit: must be of type integer"),
        ({"dry_run": "yes"}, "param dry_run: must be of type boolean"),
    ],
)
def test_bad_params_fail_before_any_request(
    monkeypatch: pytest.MonkeyPatch, params: dict[str, Any], message: str
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_BDC_POSTGRES", raising=False)
    steps: list[str] = []
    with pytest.raises(ConfigurationError, match=message) as error:
        Small(steps=steps).execute(context(params))
    assert classify_failure(error.value) == "command"
    assert steps == ["close"]


def test_a_database_without_our_tables_names_the_command_to_run(
    postgres: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    postgres.ensure_database("not_migrated")
    parts = conninfo_to_dict(postgres.url("not_migrated"))
    monkeypatch.setenv("AIRFLOW_CONN_BDC_POSTGRES", connection_json(parts))
    with pytest.raises(DatabaseFailure, match="make migrate") as error:
        Small(steps=[]).execute(context())
    assert classify_failure(error.value) == "command"


def test_a_lost_database_does_not_hide_why_the_collector_failed(conn: Conn) -> None:
    def fail(op: Any) -> None:
        conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'boost-data-collector' AND datname = current_database()"
        )
        raise SourceUnavailable("the archive is down")

    with pytest.raises(SourceUnavailable, match="the archive is down"):
        Small(steps=[], work=fail).execute(context())
    # The next try closes the record that this one could not close.
    Small(steps=[]).execute(context(try_number=2))
    assert [state for state, *_ in runs(conn)] == ["killed", "success"]


def test_a_stop_is_recorded(conn: Conn) -> None:
    def stopped(op: Any) -> None:
        op.on_kill()

    steps: list[str] = []
    with pytest.raises(Stopped):
        Small(steps=steps, work=stopped).execute(context())
    assert runs(conn)[0][0] == "stopped"
    assert steps[-1] == "close"


def test_a_timeout_stays_the_reason() -> None:
    operator = Small(steps=[])
    try:
        raise AirflowTaskTimeout
    except AirflowTaskTimeout:
        operator.on_kill()


def test_one_writer_at_a_time(conn: Conn, database: str) -> None:
    with (
        psycopg.connect(database, autocommit=True) as other,
        collector_lock(other, "run_small"),
        pytest.raises(CollectorBusy, match="run_small is already running"),
    ):
        Small(steps=[]).execute(context())
    assert Small(steps=[]).execute(context({"dry_run": True})) == {"would_fetch": 1}


def test_three_killed_tries_fail_the_fourth(conn: Conn) -> None:
    def killed(op: Any) -> None:
        raise SystemExit(9)

    for number in (1, 2, 3):
        with pytest.raises(SystemExit):
            Small(steps=[], work=killed).execute(context(try_number=number))
    with pytest.raises(ConfigurationError, match="last 3 tries were killed") as error:
        Small(steps=[]).execute(context(try_number=4))
    assert classify_failure(error.value) == "command"


def test_whether_a_task_is_due_depends_on_the_date_of_the_run(conn: Conn) -> None:
    weekly = ScheduledTask("small", "run_small", ScheduleKind.WEEKLY, day=2)
    with pytest.raises(AirflowSkipException, match="not due on Monday, 2026-11-23: runs weekly, Tuesday"):
        Small(steps=[], position=ChainPosition(weekly)).execute(context())
    manual = SimpleNamespace(logical_date=None, run_after=datetime(2026, 11, 24, tzinfo=UTC))
    assert run_date({"dag_run": manual}) == manual.run_after.date()  # type: ignore[typeddict-item]
    assert Small(steps=[], position=ChainPosition(weekly)).execute(context(dag_run=manual)) == {"new": 2}


def test_a_duplicate_is_skipped_on_days_when_both_are_due(conn: Conn) -> None:
    daily = ScheduledTask("small", "run_small", ScheduleKind.DAILY)
    monday = ScheduledTask("earlier", "run_small", ScheduleKind.WEEKLY, day=1)
    tuesday = ScheduledTask("other", "run_small", ScheduleKind.WEEKLY, day=2)
    with pytest.raises(AirflowSkipException, match="already run in this batch, by earlier"):
        Small(steps=[], position=ChainPosition(daily, repeats=(monday,))).execute(context())
    assert Small(steps=[], position=ChainPosition(daily, repeats=(tuesday,))).execute(context()) == {"new": 2}


def test_messages_of_foreign_exceptions_show_no_addresses_or_secrets() -> None:
    assert safe_message(ValueError("mail to jan@example.org failed")) == "ValueError: mail to *** failed"
    assert "hush" not in safe_message(ConfigurationError("postgresql://u:hush@host/db?password=hush"))


# -- finalise --------------------------------------------------------------------------------------------


def crumbs(**states: str) -> list[dict[str, Any]]:
    return [{"task_id": name, "map_index": -1, "state": state} for name, state in states.items()]


def finalise(here: Any) -> dict[str, int]:
    here["ti"].task_id = "finalise"
    return FinaliseOperator(task_id="finalise", group_id="g", trackers=["a", "b", "c"]).execute(here)


def test_finalise_counts_and_records(conn: Conn) -> None:
    here = context()
    here["ti"].crumbs = crumbs(a="success", b="skipped", c="success")
    assert finalise(here) == {"succeeded": 2, "failed": 0, "skipped": 1}
    assert conn.execute("SELECT group_id, state FROM core.group_status").fetchone() == ("g", "success")


def test_finalise_fails_and_names_the_failed_tasks_with_their_reasons(conn: Conn) -> None:
    def fail(op: Any) -> None:
        raise ConfigurationError("set the token")

    with pytest.raises(ConfigurationError):
        Small(steps=[], work=fail).execute(context())
    conn.execute("UPDATE core.run SET task_id = 'a'")
    here = context()
    here["ti"].crumbs = crumbs(a="failed", b="success", c="upstream_failed")
    with pytest.raises(AirflowFailException, match=r"failed: a: command: set the token; c\. Fix the cause"):
        finalise(here)
    assert conn.execute("SELECT failed_tasks FROM core.group_status").fetchone() == (["a", "c"],)


def test_finalise_names_the_tasks_even_without_a_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_BDC_POSTGRES", raising=False)
    here = context()
    here["ti"].crumbs = crumbs(a="failed", b="success")
    with pytest.raises(AirflowFailException, match=r"failed: a\. Fix"):
        finalise(here)
    here["ti"].crumbs = crumbs(a="success", b="success")
    with pytest.raises(ConfigurationError, match="Connection bdc_postgres does not exist"):
        finalise(here)


def test_a_dry_run_does_not_change_the_status_of_the_group(conn: Conn) -> None:
    here = context({"dry_run": True})
    here["ti"].crumbs = crumbs(a="success", b="success", c="success")
    assert finalise(here)["succeeded"] == 3
    assert conn.execute("SELECT count(*) FROM core.group_status").fetchone() == (0,)
    Small(steps=[]).execute(context({"dry_run": True}))
    assert conn.execute("SELECT state, last_success_at FROM core.task_status").fetchone() == ("success", None)


def test_a_run_in_which_all_were_skipped_writes_nothing(conn: Conn) -> None:
    here = context()
    here["ti"].crumbs = crumbs(a="skipped", b="skipped", c="skipped")
    assert finalise(here)["skipped"] == 3
    assert conn.execute("SELECT count(*) FROM core.group_status").fetchone() == (0,)


# -- the mailing lists -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("hyperkitty")
def test_the_mailing_lists_end_to_end(conn: Conn, world: World, sandbox: str) -> None:
    add_list(world, 5)
    operator = MailingListCollectorOperator(task_id="m", args=["--limit", "3"])
    form = {"mailing_list__list_names": [BOOST], "mailing_list__by_export": False}
    counts = operator.execute(context(form))
    assert counts["new"] == 3
    assert operator.source_url == f"{sandbox}/hyperkitty/archives/list/{BOOST}/"
    assert operator.landed_url.startswith("/boost/runs/")
    assert conn.execute("SELECT requests, options FROM core.run").fetchone() == (
        4,
        {"list_names": [BOOST], "limit": 3, "by_export": False},
    )


@pytest.mark.usefixtures("hyperkitty")
def test_a_failing_list_fails_the_task_with_a_remedy(conn: Conn, world: World) -> None:
    add_list(world, 5)
    world.faults.append(Fault(path="emails", status=401))
    with pytest.raises(UnitsFailed, match="check the Connection's credentials"):
        MailingListCollectorOperator(task_id="m").execute(context({"mailing_list__list_names": [BOOST]}))


def test_a_list_that_is_not_configured_is_refused(conn: Conn) -> None:
    with pytest.raises(ConfigurationError, match="'invalid-list' is not a list's address"):
        MailingListCollectorOperator(task_id="m").execute(
            context({"mailing_list__list_names": ["invalid-list"]})
        )
    with pytest.raises(
        ConfigurationError, match=f"'x@y.org' is not one of .*{BOOST}.*bdc_mailing_list_names"
    ):
        MailingListCollectorOperator(task_id="m").execute(context({"mailing_list__list_names": ["x@y.org"]}))


def test_reprocessing_needs_no_connection(conn: Conn) -> None:
    assert MailingListCollectorOperator(task_id="m").execute(context({"reprocess": True})) == {}
