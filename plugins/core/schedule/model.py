"""The model of the schedule: groups, tasks and when they are due on the date of a run."""

from __future__ import annotations

import calendar
from dataclasses import dataclass, field
from datetime import date, timedelta
from difflib import get_close_matches
from enum import StrEnum

from core.errors import ConfigurationError


class ScheduleError(ConfigurationError, ValueError):
    """The schedule file breaks a rule; the message names the rule and where it is broken."""


class ScheduleNotFound(ScheduleError, FileNotFoundError):
    """The schedule file does not exist."""


class ScheduleKind(StrEnum):
    """When a task is due."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    ON_RELEASE = "on_release"
    INTERVAL = "interval"


CATCH_UP_DAYS, DAYS_LOOKED_BACK = 7, 32
WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")


@dataclass(frozen=True)
class ScheduledTask:
    """One entry of a group's task list. `day` is 0-6 from Sunday (weekly) or 1-31 (monthly)."""

    id: str
    command: str
    kind: ScheduleKind
    day: int | None = None
    minutes: int | None = None
    enabled: bool = True
    args: tuple[str, ...] = ()
    retries: int | None = None
    timeout_minutes: int | None = None
    pool: str | None = None
    catch_up: bool = False

    def is_due(self, run_date: date) -> bool:
        """Return whether a group's batch of that date contains this task.

        A release task always belongs to it: whether there is a new release is checked when the task runs.
        """
        match self.kind:
            case ScheduleKind.DAILY | ScheduleKind.ON_RELEASE:
                return True
            case ScheduleKind.WEEKLY:
                return run_date.isoweekday() % 7 == self.day
            case ScheduleKind.MONTHLY:
                return run_date.day == self.day_in_month_of(run_date)
            case _:
                return False

    def day_in_month_of(self, run_date: date) -> int:
        """Return the day on which a monthly task runs: the last day if the month is shorter."""
        return min(self.day or 0, calendar.monthrange(run_date.year, run_date.month)[1])

    def latest_due(self, run_date: date) -> date | None:
        """Return the last day up to `run_date` on which a weekly or monthly task was due."""
        for back in range(DAYS_LOOKED_BACK):
            day = run_date - timedelta(days=back)
            if self.is_due(day):
                return day
        return None

    def is_overdue(self, run_date: date, last_success: date | None) -> bool:
        """Return whether a `catch_up` task missed its day in the last week and has not succeeded since."""
        due = self.latest_due(run_date)
        if not self.catch_up or due is None or (run_date - due).days > CATCH_UP_DAYS:
            return False
        return last_success is None or last_success < due

    def is_of(
        self, kind: ScheduleKind, run_date: date, *, weekday: int | None = None, day: int | None = None
    ) -> bool:
        """Return whether a run of only this kind includes this task; without a day, the run's day counts.

        Days beyond the end of the run's month fall on its last day: in a February of 28 days, requesting the
        28th matches every task from the 28th on, and requesting the 30th matches none.
        """
        if self.kind is not kind:
            return False
        if kind is ScheduleKind.WEEKLY and weekday is not None:
            return self.day == weekday
        if kind is ScheduleKind.MONTHLY and day is not None:
            return day == self.day_in_month_of(run_date)
        return self.is_due(run_date)

    def when(self) -> str:
        """Return as text when the task is due."""
        match self.kind:
            case ScheduleKind.WEEKLY:
                return f"weekly, {WEEKDAYS[self.day or 0].capitalize()}"
            case ScheduleKind.MONTHLY:
                return f"monthly, day {self.day}"
            case ScheduleKind.INTERVAL:
                return f"every {self.minutes} min"
            case ScheduleKind.ON_RELEASE:
                return "on a new Boost release"
            case _:
                return "daily"


@dataclass(frozen=True)
class Group:
    """Tasks that run one after another, at one time of day (UTC)."""

    id: str
    hour: int
    minute: int
    tasks: tuple[ScheduledTask, ...] = ()
    description: str = ""
    tags: tuple[str, ...] = ()
    paused: bool = True
    stop_on_failure: bool = False

    @property
    def cron(self) -> str:
        """The group's time as a cron expression."""
        return f"{self.minute} {self.hour} * * *"

    @property
    def batch(self) -> tuple[ScheduledTask, ...]:
        """The enabled tasks of the daily batch, in file order."""
        return tuple(t for t in self.tasks if t.enabled and t.kind is not ScheduleKind.INTERVAL)

    @property
    def intervals(self) -> dict[int, tuple[ScheduledTask, ...]]:
        """The enabled interval tasks by their minutes, in file order: one DAG for each number of minutes."""
        found: dict[int, list[ScheduledTask]] = {}
        for task in self.tasks:
            if task.enabled and task.kind is ScheduleKind.INTERVAL and task.minutes:
                found.setdefault(task.minutes, []).append(task)
        return {minutes: tuple(tasks) for minutes, tasks in found.items()}

    def repeated_by(self, later: ScheduledTask) -> tuple[ScheduledTask, ...]:
        """Return the earlier tasks of the same chain that run the same command with the same args."""
        chain = self.intervals[later.minutes or 0] if later.kind is ScheduleKind.INTERVAL else self.batch
        before = chain[: chain.index(later)]
        return tuple(t for t in before if (t.command, t.args) == (later.command, later.args))


@dataclass(frozen=True)
class Schedule:
    """The whole schedule file; `warnings` are for its author."""

    groups: tuple[Group, ...]
    warnings: tuple[str, ...] = field(default=(), compare=False)

    def group(self, group_id: str) -> Group:
        """Return a group, or raise an error that lists the known ids."""
        for group in self.groups:
            if group.id == group_id:
                return group
        known = ", ".join(g.id for g in self.groups)
        close = get_close_matches(group_id, [g.id for g in self.groups], 1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise ScheduleError(f"there is no group {group_id!r}; known: {known}{hint}")

    def due(self, group: str, run_date: date) -> tuple[ScheduledTask, ...]:
        """Return the tasks of a group's batch on that date, in file order, duplicates included."""
        return tuple(t for t in self.group(group).batch if t.is_due(run_date))
