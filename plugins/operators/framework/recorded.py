"""The base of all our tasks: validate, then run, with a record in `core.run`, safe to kill at any point."""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar, cast

import structlog
from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowSkipException, AirflowTaskTimeout

from core.clock import Clock, SystemClock
from core.errors import (
    CollectorFailureCategory,
    ConfigurationError,
    DatabaseFailure,
    Stopped,
    classify_failure,
    safe_message,
)
from core.options import Options, resolve
from core.progress import Progress, counted, duration
from core.protocols import TrackerResult, require_tracker_result
from core.runs import RunRecord, TaskTry, failed_in_a_row, killed_in_a_row
from core.session import Session
from core.settings import Settings
from hooks.database_hook import DatabaseHook
from operators.framework.guard import protect
from operators.framework.task_links import LandedLink, SourceLink

if TYPE_CHECKING:
    from airflow.sdk import Context

KILLS_TOO_MANY = 3
log = structlog.get_logger("collector")


class CountedHook(Protocol):
    """What a task needs of its hook."""

    @property
    def requests(self) -> int:
        """How many requests were sent so far."""

    @property
    def received_bytes(self) -> int:
        """How many bytes of bodies were received so far."""

    def close(self) -> None:
        """Close threads and sockets."""


OptionsT = TypeVar("OptionsT", bound=Options)
HookT = TypeVar("HookT", bound=CountedHook)


class RecordedOperator(BaseOperator, Generic[OptionsT, HookT]):
    """Base of all tasks with a row in `core.run`. A subclass implements `validate` and `run_task`.

    :param args: options as in the schedule file.
    """

    command: ClassVar[str]
    tracker: ClassVar[str]
    options_type: ClassVar[type[Options]]

    template_fields: Sequence[str] = ("args",)
    operator_extra_links = (SourceLink(), LandedLink())
    ui_color = "#e8f1fb"

    def __init__(self, *, args: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.args = list(args)
        self.clock: Clock = SystemClock()
        self.source_url = ""
        self.landed_url = ""
        self.settings: Settings
        self.options: OptionsT
        self.session: Session
        self._hook: HookT | None = None

    # -- what a subclass defines -----------------------------------------------------------------------

    @abstractmethod
    def validate(self) -> None:
        """Check settings, params and Connections, without any request or query."""

    @abstractmethod
    def run_task(self) -> TrackerResult:
        """Do the work of the task, with `self.session`, `self.hook` and `self.options`."""

    def make_hook(self) -> HookT:
        """Return the hook of this task; called once, when `self.hook` is first used."""
        raise TypeError(f"{type(self).__name__} asks no service: it has no hook")

    def skip_unless_due(self, context: Context) -> None:
        """Raise `AirflowSkipException` if the task must not run; called before anything else."""

    def recorded_options(self) -> dict[str, Any]:
        """Return the options that are stored in `core.run`."""
        shown: dict[str, Any] = self.options.as_json()
        return shown

    @property
    def hook(self) -> HookT:
        """The hook, created when it is first needed and closed when the task ends."""
        if self._hook is None:
            self._hook = self.make_hook()
        return self._hook

    def traffic(self) -> tuple[int, int]:
        """Return how many requests were sent and how many bytes received."""
        return (self._hook.requests, self._hook.received_bytes) if self._hook else (0, 0)

    def close(self) -> None:
        """Close what the task opened."""
        if self._hook:
            self._hook.close()

    # -- the phases of a run ---------------------------------------------------------------------------

    def execute(self, context: Context) -> dict[str, int]:
        """Run the phases in their order and return the counts."""
        protect()
        try:
            self.skip_unless_due(context)
        except AirflowSkipException as reason:
            log.info(f"skipped: {reason}")
            raise
        phase = "validate"
        try:
            self.settings = Settings.for_task()
            params = context.get("params") or {}
            options = resolve(self.options_type, self.tracker, params, self.args, self.settings)
            self.options = cast(OptionsT, options)
            self._announce()
            self.validate()
            with self._record(context) as record:
                phase = "collect"
                result = self._collect(record)
        except Stopped:
            log.warning("stopped from outside; stored rows are kept, and the next run continues from there")
            raise
        except Exception as error:
            self._explain(error, phase)
            raise
        finally:
            self.close()
        return dict(result.counts)

    def on_kill(self) -> None:
        """End the collection at once; stored rows are kept.

        Airflow also calls this while it handles a time-out, which then must remain the reason.
        """
        if not isinstance(sys.exc_info()[1], AirflowTaskTimeout):
            raise Stopped("stopped by Airflow")

    def _announce(self) -> None:
        requested = ", ".join(f"{k}={_shown(v)}" for k, v in self.options.as_json().items())
        log.info(f"{self.command}: {requested or 'no params, the usual run'}")

    @contextmanager
    def _record(self, context: Context) -> Iterator[RunRecord]:
        """Open the database connections and the record of this run, and close them at its end."""
        hook = DatabaseHook()
        with hook.connect() as records, hook.connect() as writing:
            task = task_try(context)
            record = RunRecord.start(
                records,
                self.clock,
                task,
                tracker=self.tracker,
                command=self.command,
                options=self.recorded_options(),
            )
            self.landed_url = f"/boost/runs/{record.id}"
            progress = Progress(
                clock=self.clock,
                collector=self.command,
                on_line=lambda counts: self._touch(record, counts),
                requests=lambda: self.traffic()[0],
            )
            self.session = Session(
                writing,
                clock=self.clock,
                progress=progress,
                settings=self.settings,
                command=self.command,
                connect=hook.connect,
                side_by_side=self.settings.requests_in_flight,
                run_key=record.run_key(),
            )
            try:
                self._refuse_if_killed_too_often(record)
                yield record
            except (Stopped, Exception) as error:
                self._record_failure(record, error)
                # XCom shows the counts of failed runs, too: they are pushed before the exception propagates.
                if (ti := context.get("ti")) and not isinstance(error, Stopped):
                    ti.xcom_push(key="counts", value=dict(self.session.progress.counts))
                raise

    def _record_failure(self, record: RunRecord, error: Stopped | Exception) -> None:
        """Close the record, and set on the exception how many consecutive tries had its category.

        If closing the record fails, the original exception remains the reason.
        """
        try:
            if isinstance(error, Stopped):
                self._finish(record, "stopped", message="Stopped from outside.")
                return
            category = classify_failure(error)
            before = failed_in_a_row(record.earlier_tries(), category)
            error.failures_in_a_row = before + 1  # type: ignore[attr-defined]
            self._finish(record, "failed", category=category, message=safe_message(error))
        except DatabaseFailure as lost:
            log.warning(f"the end of this run could not be recorded: {lost}")

    def _refuse_if_killed_too_often(self, record: RunRecord) -> None:
        kills = killed_in_a_row(record.earlier_tries())
        if kills >= KILLS_TOO_MANY:
            raise ConfigurationError(
                f"the last {kills} tries were killed, most likely because memory ran out; give the worker "
                "more memory, or lower bdc_requests_in_flight or bdc_max_body_mb, then clear the task"
            )

    def _collect(self, record: RunRecord) -> TrackerResult:
        started = self.clock.monotonic()
        result = require_tracker_result(self.run_task())
        self._finish(record, "success", counts=result.counts)
        totals = self.session.progress.summary(result.counts)
        requests, received = self.traffic()
        cost = f"{counted(requests, 'requests')}, {received / 1e6:,.1f} MB"
        seconds = duration(self.clock.monotonic() - started)
        log.info(f"{self.command}: {totals or 'nothing to do'}; {cost}, {seconds}")
        return result

    def _touch(self, record: RunRecord, counts: Mapping[str, int]) -> None:
        record.requests, record.received_bytes = self.traffic()
        record.touch(counts)

    def _finish(
        self,
        record: RunRecord,
        state: str,
        *,
        counts: Mapping[str, int] | None = None,
        category: CollectorFailureCategory | None = None,
        message: str = "",
    ) -> None:
        record.requests, record.received_bytes = self.traffic()
        kept = self.session.progress.counts if counts is None else counts
        record.finish(state, kept, category=category, message=message)

    def _explain(self, error: Exception, phase: str) -> None:
        category = classify_failure(error)
        log.error(
            f"{self.command} failed ({category}): {safe_message(error)}",
            collector=self.command,
            collector_phase=phase,
            failure_category=str(category),
        )


def task_try(context: Context) -> TaskTry:
    """Return the task and try of a context; empty if a test calls `execute` with a plain dict."""
    ti: Any = context.get("ti")
    if ti is None:
        return TaskTry()
    retries = getattr(ti.task, "retries", None) or 0
    max_tries = getattr(ti, "max_tries", None)
    cleared_at = max(0, max_tries - retries) if max_tries is not None else 0
    return TaskTry(
        ti.dag_id,
        ti.run_id,
        ti.task_id,
        -1 if ti.map_index is None else ti.map_index,
        ti.try_number,
        cleared_at,
    )


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
