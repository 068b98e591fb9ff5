"""A client for the part of Airflow's REST API that the launcher and the system tests need."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import requests

TIMEOUT = 30


@dataclass
class Rest:
    """A client session with the api-server."""

    base: str
    user: str
    password: str
    session: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        self.session.trust_env = False

    def login(self) -> None:
        """Get a token and send it with all later requests."""
        answer = self.session.post(
            f"{self.base}/auth/token",
            json={"username": self.user, "password": self.password},
            timeout=TIMEOUT,
        )
        answer.raise_for_status()
        self.session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def healthy(self) -> bool:
        """Return whether every component reports that it is healthy."""
        try:
            answer = self.session.get(f"{self.base}/api/v2/monitor/health", timeout=5)
            parts = answer.json()
        except (requests.RequestException, ValueError):
            return False
        names = ("metadatabase", "scheduler", "triggerer", "dag_processor")
        return answer.ok and all((parts.get(name) or {}).get("status") == "healthy" for name in names)

    def call(self, method: str, path: str, **options: Any) -> Any:
        """Call the API; an error contains the server's response."""
        answer = self.session.request(method, f"{self.base}/api/v2{path}", timeout=TIMEOUT, **options)
        if not answer.ok:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json() if answer.content else None

    def dags(self, tag: str) -> list[dict[str, Any]]:
        """List the DAGs that have a tag."""
        found: list[dict[str, Any]] = self.call("GET", "/dags", params={"tags": tag, "limit": 100})["dags"]
        return found

    def import_errors(self) -> list[dict[str, Any]]:
        """List the DAG files that could not be imported."""
        found: list[dict[str, Any]] = self.call("GET", "/importErrors")["import_errors"]
        return found

    def unpause(self, dag_id: str) -> None:
        """Unpause a DAG, so that the scheduler runs it."""
        self.call("PATCH", f"/dags/{dag_id}", json={"is_paused": False})

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """List the runs of a DAG, newest first."""
        query = {"order_by": "-run_after", "limit": 20}
        found: list[dict[str, Any]] = self.call("GET", f"/dags/{dag_id}/dagRuns", params=query)["dag_runs"]
        return found

    def trigger(self, dag_id: str, conf: dict[str, Any] | None = None) -> str:
        """Start a run and return its id."""
        body = {"logical_date": None, "conf": conf or {}}
        return str(self.call("POST", f"/dags/{dag_id}/dagRuns", json=body)["dag_run_id"])

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """Return one run of a DAG."""
        found: dict[str, Any] = self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")
        return found

    def tasks(self, dag_id: str, run_id: str) -> dict[str, dict[str, Any]]:
        """Return the task instances of a run by task id; the key of a mapped one is `task[name]`."""
        found = self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return {_name(task): task for task in found}

    def clear(
        self, dag_id: str, run_id: str, task_id: str, *, downstream: bool = True, map_index: int | None = None
    ) -> None:
        """Clear a task, or one of its mapped instances, so that it runs again."""
        body = {
            "dry_run": False,
            "dag_run_id": run_id,
            "task_ids": [task_id if map_index is None else [task_id, map_index]],
            "include_downstream": downstream,
            "only_failed": False,
        }
        self.call("POST", f"/dags/{dag_id}/clearTaskInstances", json=body)

    def log(self, dag_id: str, run_id: str, task_id: str, try_number: int = 1, map_index: int = -1) -> str:
        """Return the log of one try of a task as text."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{try_number}"
        content = self.call(
            "GET",
            path,
            params={"full_content": True, "map_index": map_index},
            headers={"Accept": "application/json"},
        )
        lines = [e if isinstance(e, str) else str(e.get("event", "")) for e in content["content"]]
        return "\n".join(lines)

    def await_run(self, dag_id: str, run_id: str) -> str:
        """Wait until a run has ended, however long that takes, and return its state."""
        while (state := self.run(dag_id, run_id)["state"]) not in ("success", "failed"):
            time.sleep(0.3)
        return str(state)


def _name(task: dict[str, Any]) -> str:
    index = task["map_index"]
    return f"{task['task_id']}[{task.get('rendered_map_index') or index}]" if index >= 0 else task["task_id"]
