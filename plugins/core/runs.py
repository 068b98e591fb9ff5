"""The record of each try of a collector, written over a separate connection in autocommit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg.types.json import Jsonb

from core.clock import Clock
from core.database import Conn, execute, fetch, fetch_one
from core.errors import CollectorFailureCategory


@dataclass(frozen=True)
class TaskTry:
    """The task and try number of a run; empty outside Airflow."""

    dag_id: str = ""
    run_id: str = ""
    task_id: str = ""
    map_index: int = -1
    try_number: int = 1
    cleared_at_try: int = 0
    """The number of the last try before the task was cleared; 0 if it never was."""


@dataclass
class RunRecord:
    """An open row of `core.run`."""

    conn: Conn
    clock: Clock
    id: int
    task: TaskTry
    requests: int = 0
    received_bytes: int = 0

    @classmethod
    def start(
        cls,
        conn: Conn,
        clock: Clock,
        task: TaskTry,
        *,
        tracker: str,
        command: str,
        options: Mapping[str, Any],
    ) -> RunRecord:
        """Close the rows that killed tries of this task left open, and insert a new one."""
        values = {
            "tracker": tracker,
            "command": command,
            "dag_id": task.dag_id,
            "run_id": task.run_id,
            "task_id": task.task_id,
            "map_index": task.map_index,
            "try_number": task.try_number,
            "options": Jsonb(dict(options)),
            "now": clock.now(),
        }
        row = fetch_one(conn, "core/start_run", values)
        if row is None:
            raise RuntimeError("inserting into core.run returned no row")
        return cls(conn, clock, row[0], task)

    def touch(self, counts: Mapping[str, int]) -> None:
        """Store the current counts of the run, which continues."""
        execute(self.conn, "core/touch_run", self._values(counts))

    def finish(
        self,
        state: str,
        counts: Mapping[str, int],
        *,
        category: CollectorFailureCategory | None = None,
        message: str = "",
    ) -> None:
        """Store how the run ended."""
        values = self._values(counts) | {"state": state, "failure_category": category, "message": message}
        execute(self.conn, "core/finish_run", values)

    def earlier_tries(self) -> list[tuple[str, str | None]]:
        """Return state and failure category of the tries since the last clear, newest first."""
        task = self.task
        if not task.run_id:
            return []
        values = {
            "dag_id": task.dag_id,
            "run_id": task.run_id,
            "task_id": task.task_id,
            "map_index": task.map_index,
            "cleared_at_try": task.cleared_at_try,
            "try_number": task.try_number,
        }
        return [(state, category) for state, category in fetch(self.conn, "core/earlier_tries", values)]

    def run_key(self) -> str:
        """Return what all tries of the task share until one succeeds; what is cleared then runs anew."""
        task = self.task
        if not task.run_id:
            return str(self.id)
        values = {
            "dag_id": task.dag_id,
            "run_id": task.run_id,
            "task_id": task.task_id,
            "map_index": task.map_index,
        }
        row = fetch_one(self.conn, "core/count_successes", values)
        return f"{task.dag_id}/{task.run_id}/{task.task_id}/{task.map_index}/{row[0] if row else 0}"

    def _values(self, counts: Mapping[str, int]) -> dict[str, Any]:
        return {
            "id": self.id,
            "counts": Jsonb(dict(counts)),
            "requests": self.requests,
            "received_bytes": self.received_bytes,
            "now": self.clock.now(),
        }


def killed_in_a_row(tries: list[tuple[str, str | None]]) -> int:
    """Count the consecutive killed tries, starting from the newest."""
    return _leading(tries, lambda state, category: state == "killed")


def failed_in_a_row(tries: list[tuple[str, str | None]], category: CollectorFailureCategory) -> int:
    """Count the consecutive tries that failed with this category, newest first, skipping killed ones."""
    reported = [t for t in tries if t[0] != "killed"]
    return _leading(reported, lambda state, found: state == "failed" and found == category)


def _leading(tries: list[tuple[str, str | None]], matches: Any) -> int:
    count = 0
    for state, category in tries:
        if not matches(state, category):
            break
        count += 1
    return count
