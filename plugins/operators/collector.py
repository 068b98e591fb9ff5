"""The life of a collector: due or skipped, locked against its like, then one of plan, collect, reprocess."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk.exceptions import AirflowSkipException

from core.locks import collector_lock
from core.protocols import TrackerResult
from core.schedule import ScheduledTask
from operators.recorded import RecordedOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class CollectorOperator(RecordedOperator):
    """Base of all collectors. A subclass says what it is and implements `validate` and `collect`.

    :param scheduled: the schedule's line; decides whether the task is due on the run's date.
    :param repeats: earlier lines of the group with the same command and args; where one of them is due, too,
        this task is a duplicate.
    """

    tables: ClassVar[tuple[str, ...]] = ()
    """The tables that the collector fills, for the documentation in the UI."""

    def __init__(
        self,
        *,
        scheduled: ScheduledTask | None = None,
        repeats: Sequence[ScheduledTask] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.scheduled = scheduled
        self.repeats = tuple(repeats)

    @abstractmethod
    def collect(self) -> TrackerResult:
        """Fetch and store, with `self.session` and `self.options`."""

    @abstractmethod
    def plan(self) -> TrackerResult:
        """Tell what a run would cost, with a few cheap requests; store nothing."""

    @abstractmethod
    def reprocess(self) -> TrackerResult:
        """Rebuild the rows from raw payloads; ask nobody."""

    def lock_scopes(self) -> tuple[str, ...]:
        """Return what the options narrow the collection to; runs that share a scope exclude each other."""
        return ("",)

    def carry_out(self) -> TrackerResult:
        """Do what the options ask for, holding the locks; a plan needs none."""
        if self.options.dry_run:
            return self.plan()
        with ExitStack() as locks:
            for scope in sorted(self.lock_scopes()):
                locks.enter_context(collector_lock(self.session.conn, self.command, scope))
            return self.reprocess() if self.options.reprocess else self.collect()

    def before(self, context: Context) -> None:
        """Skip a task that is not due, or that another one of the batch has done."""
        if self.scheduled is None:
            return
        day = run_date(context)
        if not self.scheduled.is_due(day):
            raise AirflowSkipException(f"not due on {day:%A}, {day}: runs {self.scheduled.when()}")
        for earlier in self.repeats:
            if earlier.is_due(day):
                raise AirflowSkipException(f"already run in this batch, by {earlier.id}")


def run_date(context: Context) -> date:
    """Return the date a run is for: its logical date, or when it was asked for. Never the wall clock."""
    dag_run = context["dag_run"]
    moment: datetime = dag_run.logical_date or dag_run.run_after
    return moment.date()
