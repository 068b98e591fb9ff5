"""The last outcome of each schedule group, and of the tasks in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from core import tables
from core.database import Conn, MergeCounts, fetch, fetch_one, merge


@dataclass(frozen=True)
class GroupRun:
    """The outcome of one run of a group: how many collectors ended in which state."""

    group_id: str
    dag_id: str
    run_id: str
    run_date: datetime
    succeeded: int
    failed: int
    skipped: int
    failed_tasks: tuple[str, ...] = ()


def save_group_run(conn: Conn, outcome: GroupRun, now: datetime) -> MergeCounts:
    """Store the outcome as the group's last one."""
    row = {
        "group_id": outcome.group_id,
        "dag_id": outcome.dag_id,
        "run_id": outcome.run_id,
        "state": "failed" if outcome.failed_tasks else "success",
        "succeeded": outcome.succeeded,
        "failed": outcome.failed,
        "skipped": outcome.skipped,
        "failed_tasks": list(outcome.failed_tasks),
        "run_date": outcome.run_date,
        "finished_at": now,
    }
    with conn.transaction():
        return merge(conn, tables.group_status, [row], key=("group_id",))


def failures_of_run(conn: Conn, dag_id: str, run_id: str) -> dict[str, str]:
    """Return category and message of the collectors that failed in a DAG run."""
    rows = fetch(conn, "core/failures_of_run", {"dag_id": dag_id, "run_id": run_id})
    return {name: f"{category or 'failed'}: {message}" for name, category, message in rows}


def last_success(conn: Conn, dag_id: str, task_id: str) -> date | None:
    """Return the day on which a task last succeeded; None if it never did."""
    row = fetch_one(conn, "core/last_success", {"dag_id": dag_id, "task_id": task_id})
    return row[0].date() if row and row[0] else None
