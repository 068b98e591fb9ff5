"""Whether a collector is to run: asked for, due, not done already, not behind a failure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from core.errors import ConfigurationError
from core.groups import last_success
from core.options import COUNT, FLAG, NAMES, Options, option, resolve
from core.options import Kind as FormKind
from core.schedule import Kind, ScheduledTask
from core.schedule.fields import WEEKDAY_NUMBERS
from core.schedule.model import WEEKDAYS
from core.settings import Settings
from hooks.database_hook import DatabaseHook

if TYPE_CHECKING:
    from airflow.sdk import Context

BAD = ("failed", "upstream_failed")
WHOLE_BATCH = "default"
KINDS = (WHOLE_BATCH, *(kind.value for kind in Kind if kind is not Kind.INTERVAL))
SHOWN = {"null": "all: the whole batch", WHOLE_BATCH: f"{WHOLE_BATCH}: the same"}
ONE_KIND = FormKind({"type": ["null", "string"], "enum": [None, *KINDS], "values_display": SHOWN}, str)
WEEKDAY = FormKind({"type": ["null", "string"]}, str)


def weekday(name: str) -> int | None:
    """Return the number of a weekday, by its name or first three letters."""
    return WEEKDAY_NUMBERS.get(name.strip().lower())


@dataclass(frozen=True)
class BatchOptions(Options):
    """Which tasks of a group a run takes."""

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
        """Refuse days that do not exist."""
        if self.day_of_month is not None and not 1 <= self.day_of_month <= 31:
            raise ConfigurationError("day_of_month must be 1-31")
        if self.day_of_week and weekday(self.day_of_week) is None:
            raise ConfigurationError("day_of_week must be monday..sunday or mon..sun")


@dataclass(frozen=True)
class Place:
    """A collector's place in the schedule.

    :param repeats: earlier lines of the chain with the same command and args.
    :param earlier: ids of the tasks before it in the chain.
    """

    scheduled: ScheduledTask
    group_id: str = ""
    repeats: tuple[ScheduledTask, ...] = ()
    earlier: tuple[str, ...] = ()
    stop_on_failure: bool = False


@dataclass(frozen=True)
class Due:
    """Decides for one run."""

    place: Place
    context: Context
    asked: BatchOptions = field(default_factory=BatchOptions)

    @classmethod
    def of(cls, place: Place, context: Context) -> Due:
        """Read the form."""
        return cls(place, context, resolve(BatchOptions, "", context.get("params") or {}, (), Settings()))

    @property
    def day(self) -> date:
        """The date of the run."""
        return run_date(self.context)

    def reason_to_skip(self) -> str:
        """Return why the task is not to run; empty if it is."""
        task = self.place.scheduled
        if self.asked.only and task.id not in self.asked.only:
            return f"not asked for: only {', '.join(self.asked.only)}"
        if not self._is_due(task):
            return f"not due on {self.day:%A}, {self.day}: runs {task.when()}{self._how_to_get(task)}"
        for earlier in self.place.repeats:
            if self._is_due(earlier) and self._asked_for(earlier):
                return f"already run in this batch, by {earlier.id}"
        return self._behind_a_failure()

    def _how_to_get(self, task: ScheduledTask) -> str:
        """Tell who asked for a task by its id how to have it on another day than its own."""
        if task.id not in self.asked.only or task.kind not in (Kind.WEEKLY, Kind.MONTHLY):
            return ""
        if task.kind is Kind.WEEKLY:
            day = f"day_of_week {WEEKDAYS[task.day or 0]}"
        else:
            day = f"day_of_month {task.day_in_month_of(self.day)}"
        return f"; to run it now, ask for schedule_kind {task.kind} and {day}"

    def _asked_for(self, task: ScheduledTask) -> bool:
        return not self.asked.only or task.id in self.asked.only

    def _is_due(self, task: ScheduledTask) -> bool:
        if task.kind is Kind.INTERVAL:
            return True
        if self.asked.schedule_kind not in ("", WHOLE_BATCH):
            kind = Kind(self.asked.schedule_kind)
            day = weekday(self.asked.day_of_week) if self.asked.day_of_week else None
            return task.is_of(kind, self.day, weekday=day, day=self.asked.day_of_month)
        if task.is_due(self.day):
            return True
        return task.catch_up and task.is_overdue(self.day, self._last_success(task))

    def _last_success(self, task: ScheduledTask) -> date | None:
        ti: Any = self.context["ti"]
        with DatabaseHook().connect() as conn:
            return last_success(conn, ti.dag_id, task.id)

    def _behind_a_failure(self) -> str:
        stops = (
            self.place.stop_on_failure if self.asked.stop_on_failure is None else self.asked.stop_on_failure
        )
        if not stops or not self.place.earlier:
            return ""
        ti: Any = self.context["ti"]
        states = {t["task_id"]: t["state"] for t in ti.get_task_breadcrumbs(ti.dag_id, ti.run_id)}
        failed = [name for name in self.place.earlier if states.get(name) in BAD]
        if not failed:
            return ""
        return (
            f"{self.place.scheduled.id} of group {self.place.group_id} is not run: stop_on_failure, and "
            f"{failed[-1]} failed"
        )


def run_date(context: Context) -> date:
    """Return the date a run is for: its logical date, or when it was asked for. Never the wall clock."""
    dag_run = context["dag_run"]
    moment: datetime = dag_run.logical_date or dag_run.run_after
    return moment.date()
