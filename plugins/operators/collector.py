"""The base of all collectors: skip unless due, lock, then estimate, collect or reprocess."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

import structlog
from airflow.sdk.exceptions import AirflowSkipException
from sqlalchemy import Table

from core import releases
from core.documents import DocumentSource
from core.locks import collector_lock
from core.options import CommonOptions
from core.protocols import TrackerResult
from core.schedule import ScheduleKind
from core.settings import SettingsGroup
from hooks.database_hook import DatabaseHook
from hooks.source_hook import SourceHook
from operators.framework.due import ChainPosition, Due
from operators.framework.recorded import RecordedOperator
from operators.framework.release_sources import RELEASE_SOURCES

if TYPE_CHECKING:
    from airflow.sdk import Context

CollectorOptionsT = TypeVar("CollectorOptionsT", bound=CommonOptions)
SourceHookT = TypeVar("SourceHookT", bound=SourceHook)
MIB = 1024 * 1024
log = structlog.get_logger("collector")


class CollectorOperator(RecordedOperator[CollectorOptionsT, SourceHookT]):
    """Base of all collectors. A subclass declares its class attributes and implements three ways to run.

    Everything else follows from the declaration: schedule, trigger form, settings, vector index, the
    documentation in the UI and in docs/. There is one class per command.

    :param position: the task's entry in the schedule and its chain, which decide whether it is due in a run.
    """

    command: ClassVar[str]
    tracker: ClassVar[str]
    """The package below `trackers/`, and the PostgreSQL schema of the same name."""
    hook_type: ClassVar[type[SourceHook]]
    settings_group: ClassVar[type[SettingsGroup] | None] = None
    tables: ClassVar[tuple[Table, ...]] = ()
    """The tables that the collector fills."""
    documents: ClassVar[tuple[DocumentSource, ...]] = ()
    """The documents that the vector index gets from these tables."""
    locks_units: ClassVar[bool] = False
    """Whether the collector does all its writing in `collect_units`, which locks each unit by itself."""

    def __init__(self, *, position: ChainPosition | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.position = position
        self.versions: tuple[str, ...] = ()
        """The releases that a release task has to handle, oldest first."""

    @abstractmethod
    def collect(self) -> TrackerResult:
        """Fetch from the source and store what is new or changed."""

    @abstractmethod
    def estimate(self) -> TrackerResult:
        """Log what a run would cost, based on a few cheap requests; store nothing."""

    @abstractmethod
    def reprocess(self) -> TrackerResult:
        """Rebuild the rows from raw payloads, without any request."""

    def validate(self) -> None:
        """Check the Connection, unless the run only reprocesses."""
        if not self.options.reprocess:
            self.hook.base_url()

    def make_hook(self) -> SourceHookT:
        """Return the hook, with the settings and the budget that limit its requests."""
        make: Callable[..., Any] = self.hook_type
        hook = make(
            clock=self.clock,
            in_flight=self.settings.requests_in_flight,
            max_body_bytes=self.settings.max_body_mb * MIB,
        )
        hook.use(DatabaseHook().connect)
        return cast(SourceHookT, hook)

    def run_task(self) -> TrackerResult:
        """Do what the options request as the only writer; an estimate needs no lock."""
        if self.options.dry_run:
            return self.estimate()
        with nullcontext() if self.locks_units else collector_lock(self.session.conn, self.command):
            if self.options.reprocess:
                return self.reprocess()
            result = self.collect()
            self.handled(*self.versions)
            return result

    def handled(self, *versions: str) -> None:
        """Record that releases were handled; a collector that works one by one calls this for each."""
        if versions:
            releases.consume(self.session.conn, self.consumer, versions, self.clock.now())

    @property
    def consumer(self) -> str:
        """The name under which this task records the releases that it handled."""
        return f"{self.position.group_id}.{self.position.scheduled.id}" if self.position else self.task_id

    def skip_unless_due(self, context: Context) -> None:
        """Skip a task that is not requested or due, already ran, follows a failure or has no new release."""
        if self.position is None:
            return
        due = Due.of(self.position, context)
        if reason := due.reason_to_skip():
            raise AirflowSkipException(reason)
        if self.position.scheduled.kind is ScheduleKind.ON_RELEASE:
            self._require_release(force=due.requested.force_release)

    def _require_release(self, *, force: bool) -> None:
        """Look up the releases that this task has not handled, and skip it if there are none."""
        source = RELEASE_SOURCES[0]()
        with DatabaseHook().connect() as conn:
            self.versions = releases.pending(conn, self.consumer, source, force=force, now=self.clock.now())
        if not self.versions:
            raise AirflowSkipException("there is no Boost release that this task has not handled")
        log.info(f"releases to handle: {', '.join(self.versions)}")
