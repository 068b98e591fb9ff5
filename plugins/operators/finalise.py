"""The last task of a group. A run has the state of its last tasks, so this one fails if any task failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import structlog
from airflow.sdk import BaseOperator, TriggerRule
from airflow.sdk.exceptions import AirflowFailException

from core.clock import SystemClock
from core.database import Conn
from core.errors import CollectorError, safe_message
from core.group_runs import GroupRun, failures_of_run, last_success, save_group_run
from core.schedule import ScheduledTask, ScheduleKind
from hooks.database_hook import DatabaseHook
from operators.framework.due import BAD, run_date

if TYPE_CHECKING:
    from airflow.sdk import Context

PERIODS = {ScheduleKind.WEEKLY: 7, ScheduleKind.MONTHLY: 31}
log = structlog.get_logger("collector")


class FinaliseOperator(BaseOperator):
    """Counts the tasks' states, records them, and fails the run with the names of those that failed.

    :param trackers: task ids of the collectors.
    """

    ui_color = "#eeeeee"

    def __init__(
        self,
        *,
        group_id: str,
        trackers: Sequence[str],
        scheduled: Sequence[ScheduledTask] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**({"trigger_rule": TriggerRule.ALL_DONE, "retries": 0} | kwargs))
        self.group_id = group_id
        self.trackers = list(trackers)
        self.scheduled = tuple(scheduled)

    def execute(self, context: Context) -> dict[str, int]:
        """Read the states of the other tasks and return the counts."""
        ti: Any = context["ti"]
        ended = [t for t in ti.get_task_breadcrumbs(ti.dag_id, ti.run_id) if t["task_id"] != ti.task_id]
        failed = sorted(_name(t) for t in ended if t["state"] in BAD)
        states = {t["task_id"]: t["state"] for t in ended if t["task_id"] in self.trackers}
        counts = {
            "succeeded": sum(state == "success" for state in states.values()),
            "failed": sum(state in BAD for state in states.values()),
            "skipped": sum(state == "skipped" for state in states.values()),
        }
        summary = ", ".join(f"{number} {name}" for name, number in counts.items())
        (log.warning if failed else log.info)(f"collectors: {summary}")
        try:
            reasons = self._record(context, counts, failed)
        except CollectorError as error:
            if not failed:
                raise
            log.warning(f"the outcome could not be recorded: {safe_message(error)}")
            reasons = {}
        if failed:
            lines = [f"{name}: {reasons[name]}" if name in reasons else name for name in failed]
            for line in lines:
                log.error(f"failed: {line}")
            raise AirflowFailException(
                "failed: " + "; ".join(lines) + ". Fix the cause, then clear the task with downstream."
            )
        return counts

    def _record(self, context: Context, counts: dict[str, int], failed: list[str]) -> dict[str, str]:
        """Store the outcome, unless no collector ran; return why tasks failed."""
        ti: Any = context["ti"]
        if not counts["succeeded"] and not counts["failed"]:
            return {}
        with DatabaseHook().connect() as conn:
            if not (context.get("params") or {}).get("dry_run"):
                save_group_run(conn, self._outcome(context, counts, failed), SystemClock().now())
            self._warn_about_overdue(conn, context)
            return failures_of_run(conn, ti.dag_id, ti.run_id)

    def _warn_about_overdue(self, conn: Conn, context: Context) -> None:
        """Warn of weekly and monthly tasks whose last success is more than one and a half periods ago."""
        ti: Any = context["ti"]
        today = run_date(context)
        for task in self.scheduled:
            last = last_success(conn, ti.dag_id, task.id)
            if task.kind in PERIODS and last and (today - last).days > 1.5 * PERIODS[task.kind]:
                log.warning(
                    f"{task.id} ({task.when()}) last succeeded on {last}; see `catch_up` in the schedule"
                )

    def _outcome(self, context: Context, counts: dict[str, int], failed: list[str]) -> GroupRun:
        ti: Any = context["ti"]
        dag_run: Any = context["dag_run"]
        return GroupRun(
            group_id=self.group_id,
            dag_id=ti.dag_id,
            run_id=ti.run_id,
            run_date=dag_run.logical_date or dag_run.run_after,
            failed_tasks=tuple(failed),
            **counts,
        )


def _name(task: dict[str, Any]) -> str:
    index = task.get("map_index", -1)
    return f"{task['task_id']}[{index}]" if index is not None and index >= 0 else str(task["task_id"])
