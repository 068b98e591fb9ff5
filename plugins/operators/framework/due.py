"""Decides whether a collector runs: it must be requested and due, not a repetition, not after a failure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from core.errors import ConfigurationError
from core.group_runs import last_success
from core.options import COUNT, FLAG, NAMES, Options, ParamKind, option, resolve
from core.schedule import ScheduledTask, ScheduleKind
from core.schedule.fields import WEEKDAY_NUMBERS
from core.schedule.model import WEEKDAYS
from core.settings import Settings
from hooks.database_hook import DatabaseHook

if TYPE_CHECKING:
    from airflow.sdk import Context

BAD = ("failed", "upstream_failed")
WHOLE_BATCH = "default"
KINDS = (WHOLE_BATCH, *(kind.value for kind in ScheduleKind if kind is not ScheduleKind.INTERVAL))
SHOWN = {"null": "all: the whole batch", WHOLE_BATCH: f"{WHOLE_BATCH}: the same"}
ONE_KIND = ParamKind({"type": ["null", "string"], "enum": [None, *KINDS], "values_display": SHOWN}, str)
WEEKDAY = ParamKind({"type": ["null", "string"]}, str)


def weekday(name: str) -> int | None:
    """Return the number of a weekday, by its name or first three letters."""
    return WEEKDAY_NUMBERS.get(name.strip().lower())


@dataclass(frozen=True)
class BatchOptions(Options):
    """The params that select which tasks of a group run."""

    only: tuple[str, ...] = option(
        NAMES, (), "Only", "The tasks to run, of those that are due. Empty: all that are due.", common=True
    )
    schedule_kind: str = option(
        ONE_KIND,
        WHOLE_BATCH,
        "Kind",
        "Only tasks of this kind of schedule. Empty: the whole batch.",
        common=True,
    )
    day_of_week: str = option(
        WEEKDAY,
        "",
        "Weekday",
        "With kind weekly: another day than the run's.",
        common=True,
        examples=WEEKDAYS,
    )
    day_of_month: int | None = option(
        COUNT, None, "Day of month", "With kind monthly: another day than the run's.", common=True
    )
    stop_on_failure: bool | None = option(
        FLAG, None, "Stop on failure", "Skip what comes after a collector that failed.", common=True
    )
    force_release: bool = option(
        FLAG,
        False,
        "Force release",
        "Run release tasks for every release they have not handled.",
        common=True,
    )

    def check(self) -> None:
        """Raise if a day does not exist."""
        if self.day_of_month is not None and not 1 <= self.day_of_month <= 31:
            raise ConfigurationError("day_of_month must be 1-31")
        if self.day_of_week and weekday(self.day_of_week) is None:
            raise ConfigurationError("day_of_week must be monday..sunday or mon..sun")


@dataclass(frozen=True)
class ChainPosition:
    """A collector's entry in the schedule, and the tasks before it.

    :param repeats: earlier tasks of the chain with the same command and args.
    :param earlier: ids of all earlier tasks of the chain.
    """

    scheduled: ScheduledTask
    group_id: str = ""
    repeats: tuple[ScheduledTask, ...] = ()
    earlier: tuple[str, ...] = ()
    stop_on_failure: bool = False


@dataclass(frozen=True)
class Due:
    """Decides whether a task runs in one DAG run.

    :param requested: what the trigger form selects.
    """

    position: ChainPosition
    context: Context
    requested: BatchOptions = field(default_factory=BatchOptions)

    @classmethod
    def of(cls, position: ChainPosition, context: Context) -> Due:
        """Return the decision for a run, with the params of its trigger form."""
        return cls(position, context, resolve(BatchOptions, "", context.get("params") or {}, (), Settings()))

    @property
    def day(self) -> date:
        """The date of the run."""
        return run_date(self.context)

    def reason_to_skip(self) -> str:
        """Return why the task must be skipped; empty if it runs."""
        task = self.position.scheduled
        if self.requested.only and task.id not in self.requested.only:
            return f"not requested: only {', '.join(self.requested.only)}"
        if not self._is_due(task):
            return f"not due on {self.day:%A}, {self.day}: runs {task.when()}{self._how_to_request(task)}"
        for earlier in self.position.repeats:
            if self._is_due(earlier) and self._is_requested(earlier):
                return f"already run in this batch, by {earlier.id}"
        return self._stopped_by_failure()

    def _how_to_request(self, task: ScheduledTask) -> str:
        """Return how to trigger a task that was requested by its id on a day when it is not due."""
        if task.id not in self.requested.only or task.kind not in (ScheduleKind.WEEKLY, ScheduleKind.MONTHLY):
            return ""
        if task.kind is ScheduleKind.WEEKLY:
            day = f"day_of_week {WEEKDAYS[task.day or 0]}"
        else:
            day = f"day_of_month {task.day_in_month_of(self.day)}"
        return f"; to run it now, trigger with schedule_kind {task.kind} and {day}"

    def _is_requested(self, task: ScheduledTask) -> bool:
        return not self.requested.only or task.id in self.requested.only

    def _is_due(self, task: ScheduledTask) -> bool:
        if task.kind is ScheduleKind.INTERVAL:
            return True
        if self.requested.schedule_kind not in ("", WHOLE_BATCH):
            kind = ScheduleKind(self.requested.schedule_kind)
            day = weekday(self.requested.day_of_week) if self.requested.day_of_week else None
            return task.is_of(kind, self.day, weekday=day, day=self.requested.day_of_month)
        if task.is_due(self.day):
            return True
        return task.catch_up and task.is_overdue(self.day, self._last_success(task))

    def _last_success(self, task: ScheduledTask) -> date | None:
        ti: Any = self.context["ti"]
        with DatabaseHook().connect() as conn:
            return last_success(conn, ti.dag_id, task.id)

    def _stopped_by_failure(self) -> str:
        stops = (
            self.position.stop_on_failure
            if self.requested.stop_on_failure is None
            else self.requested.stop_on_failure
        )
        if not stops or not self.position.earlier:
            return ""
        ti: Any = self.context["ti"]
        states = {t["task_id"]: t["state"] for t in ti.get_task_breadcrumbs(ti.dag_id, ti.run_id)}
        failed = [name for name in self.position.earlier if states.get(name) in BAD]
        if not failed:
            return ""
        return (
            f"{self.position.scheduled.id} of group {self.position.group_id} is not run: "
            f"stop_on_failure, and {failed[-1]} failed"
        )


def run_date(context: Context) -> date:
    """Return the date of a run: its logical date, or else when it was triggered. Never the wall clock."""
    dag_run = context["dag_run"]
    moment: datetime = dag_run.logical_date or dag_run.run_after
    return moment.date()
