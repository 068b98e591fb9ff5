"""The life of a collector: due or skipped, one writer at a time, then estimate, collect or reprocess."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from contextlib import ExitStack
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
from operators.framework.releases import RELEASE_SOURCES

if TYPE_CHECKING:
    from airflow.sdk import Context

CollectorOptionsT = TypeVar("CollectorOptionsT", bound=CommonOptions)
SourceHookT = TypeVar("SourceHookT", bound=SourceHook)
MIB = 1024 * 1024
log = structlog.get_logger("collector")


class CollectorOperator(RecordedOperator[CollectorOptionsT, SourceHookT]):
    """Base of all collectors. A subclass declares what it is, and implements three ways to run.

    Everything else follows from the declaration: schedule, trigger form, settings, vector index, documents in
    the UI and in docs/. One class per command; a source with two commands has two.

    :param position: the schedule's line and what stands around it; decides whether the task is due in a run.
    """

    command: ClassVar[str]
    tracker: ClassVar[str]
    """Package below `trackers/`, and its PostgreSQL schema."""
    hook_type: ClassVar[type[SourceHook]]
    settings_group: ClassVar[type[SettingsGroup] | None] = None
    tables: ClassVar[tuple[Table, ...]] = ()
    """The tables that the collector fills."""
    documents: ClassVar[tuple[DocumentSource, ...]] = ()
    """What the vector index gets of them."""

    def __init__(self, *, position: ChainPosition | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.position = position
        self.versions: tuple[str, ...] = ()
        """Of a release task: the releases it has to handle, oldest first."""

    @abstractmethod
    def collect(self) -> TrackerResult:
        """Fetch and store."""

    @abstractmethod
    def estimate(self) -> TrackerResult:
        """Log what a run would cost, after a few cheap requests; store nothing."""

    @abstractmethod
    def reprocess(self) -> TrackerResult:
        """Rebuild the rows from raw payloads, without any request."""

    def validate(self) -> None:
        """Check the Connection; reprocessing needs none."""
        if not self.options.reprocess:
            self.hook.base_url()

    def make_hook(self) -> SourceHookT:
        """Return the hook with what the settings say about requests."""
        make: Callable[..., Any] = self.hook_type
        hook = make(
            clock=self.clock,
            in_flight=self.settings.requests_in_flight,
            max_body_bytes=self.settings.max_body_mb * MIB,
        )
        return cast(SourceHookT, hook)

    def lock_scopes(self) -> tuple[str, ...]:
        """Return what the options narrow the collection to; runs that share a scope exclude each other."""
        return ("",)

    def run_task(self) -> TrackerResult:
        """Do what the options ask for, holding the locks; an estimate needs none."""
        if self.options.dry_run:
            return self.estimate()
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
        return f"{self.position.group_id}.{self.position.scheduled.id}" if self.position else self.task_id

    def skip_unless_due(self, context: Context) -> None:
        """Skip a task that is not requested, not due, ran already, is behind a failure or has no release."""
        if self.position is None:
            return
        due = Due.of(self.position, context)
        if reason := due.reason_to_skip():
            raise AirflowSkipException(reason)
        if self.position.scheduled.kind is ScheduleKind.ON_RELEASE:
            self._require_release(force=due.requested.force_release)

    def _require_release(self, *, force: bool) -> None:
        """Ask for releases that this task has not handled; only release tasks ask, and can fail at it."""
        source = RELEASE_SOURCES[0]()
        with DatabaseHook().connect() as conn:
            self.versions = releases.pending(conn, self.consumer, source, force=force, now=self.clock.now())
        if not self.versions:
            raise AirflowSkipException("no Boost release that this task has not handled")
        log.info(f"releases to handle: {', '.join(self.versions)}")
