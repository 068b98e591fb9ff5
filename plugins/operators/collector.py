"""The life of a collector: due or skipped, locked against its like, then one of plan, collect, reprocess."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, ClassVar

import structlog
from airflow.sdk.exceptions import AirflowSkipException

from core import releases
from core.locks import collector_lock
from core.protocols import TrackerResult
from core.schedule import Kind
from hooks.database_hook import DatabaseHook
from operators.due import Due, Place
from operators.recorded import RecordedOperator
from operators.releases import RELEASE_SOURCES

if TYPE_CHECKING:
    from airflow.sdk import Context

log = structlog.get_logger("collector")


class CollectorOperator(RecordedOperator):
    """Base of all collectors. A subclass says what it is and implements `validate` and `collect`.

    :param place: the schedule's line and what stands around it; decides whether the task is due in a run.
    """

    tables: ClassVar[tuple[str, ...]] = ()
    """The tables that the collector fills, for the documentation in the UI."""

    def __init__(self, *, place: Place | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.place = place
        self.versions: tuple[str, ...] = ()
        """Of a release task: the releases it has to handle, oldest first."""

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
            if self.options.reprocess:
                return self.reprocess()
            result = self.collect()
            self.handled(*self.versions)
            return result

    def handled(self, *versions: str) -> None:
        """Note that releases were handled; a collector that goes release by release notes each by itself."""
        if versions:
            releases.consume(self.session.conn, self.consumer, versions, self.clock.now())

    @property
    def consumer(self) -> str:
        """Who handles releases here."""
        return f"{self.place.group_id}.{self.place.scheduled.id}" if self.place else self.task_id

    def before(self, context: Context) -> None:
        """Skip a task that is not asked for, not due, done already, behind a failure, or has no release."""
        if self.place is None:
            return
        due = Due.of(self.place, context)
        if reason := due.reason_to_skip():
            raise AirflowSkipException(reason)
        if self.place.scheduled.kind is Kind.ON_RELEASE:
            self._require_release(force=due.asked.force_release)

    def _require_release(self, *, force: bool) -> None:
        """Ask for releases that this task has not handled; only release tasks ask, and can fail at it."""
        source = RELEASE_SOURCES[0]()
        with DatabaseHook().connect() as conn:
            self.versions = releases.pending(conn, self.consumer, source, force=force, now=self.clock.now())
        if not self.versions:
            raise AirflowSkipException("no Boost release that this task has not handled")
        log.info(f"releases to handle: {', '.join(self.versions)}")
