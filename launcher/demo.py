"""What `make demo` does once everything is up: run each group once, show how it goes and what came of it."""

from __future__ import annotations

import time
from typing import Any

import psycopg

from launcher.rest import Rest
from launcher.system import System, say

PARSED_WITHIN, STARTED_WITHIN, DONE_WITHIN = 90.0, 60.0, 900.0
OVERVIEW = (
    ("mailing lists: messages", "SELECT count(*) FROM mailing_list.message WHERE deleted_at IS NULL"),
    ("mailing lists: lists", "SELECT count(DISTINCT list_name) FROM mailing_list.message"),
    ("people: profiles", "SELECT count(*) FROM identity.profile"),
    ("people: e-mail addresses", "SELECT count(*) FROM identity.email"),
    ("raw payloads", "SELECT count(*) FROM core.raw_payload"),
)


def collect_once(system: System) -> bool:
    """Run every group once; return whether all succeeded."""
    rest = system.rest()
    rest.login()
    runs = {dag_id: _run_once(rest, dag_id) for dag_id in _await_dags(system, rest)}
    return all([_follow(system, rest, dag_id, run_id) for dag_id, run_id in runs.items()])


def _await_dags(system: System, rest: Rest) -> list[str]:
    deadline = time.monotonic() + PARSED_WITHIN
    while time.monotonic() < deadline:
        system.check()
        if found := rest.dags("collector"):
            return sorted(dag["dag_id"] for dag in found)
        if errors := rest.import_errors():
            raise RuntimeError(f"DAGs cannot be imported:\n{errors[0]['stack_trace']}")
        time.sleep(0.5)
    raise RuntimeError("no DAG appeared; see the dag-processor's log")


def _run_once(rest: Rest, dag_id: str) -> str:
    """Unpausing starts the latest missed run by itself; start one by hand only if none comes."""
    before = {run["dag_run_id"] for run in rest.runs(dag_id)}
    was_paused = rest.call("GET", f"/dags/{dag_id}")["is_paused"]
    rest.unpause(dag_id)
    deadline = time.monotonic() + (STARTED_WITHIN if was_paused and not before else 0)
    while time.monotonic() < deadline:
        if new := [r["dag_run_id"] for r in rest.runs(dag_id) if r["dag_run_id"] not in before]:
            return str(new[0])
        time.sleep(0.3)
    return rest.trigger(dag_id)


def _follow(system: System, rest: Rest, dag_id: str, run_id: str) -> bool:
    say(f"\n  {dag_id}")
    shown: dict[str, str] = {}
    deadline = time.monotonic() + DONE_WITHIN
    while time.monotonic() < deadline:
        system.check()
        for task_id, task in rest.tasks(dag_id, run_id).items():
            told = _told(system, run_id, task_id, task)
            if told and shown.get(task_id) != told:
                shown[task_id] = told
                say(f"    {task_id:<34} {told}")
        state = rest.run(dag_id, run_id)["state"]
        if state in ("success", "failed"):
            return bool(state == "success")
        time.sleep(1)
    return False


def _told(system: System, run_id: str, task_id: str, task: dict[str, Any]) -> str:
    state = task["state"]
    if state in (None, "scheduled", "queued"):
        return ""
    if state == "running":
        return f"running{_counts(system, run_id, task_id)}"
    seconds = task.get("duration") or 0
    return f"{state}, {seconds:.1f} s{_counts(system, run_id, task_id)}"


def _counts(system: System, run_id: str, task_id: str) -> str:
    query = "SELECT counts FROM core.run WHERE run_id = %s AND task_id = %s ORDER BY id DESC LIMIT 1"
    with psycopg.connect(system.database) as conn:
        row = conn.execute(query, (run_id, task_id)).fetchone()
    totals = {k: v for k, v in (row[0] if row else {}).items() if "/" not in k}
    return "".join(f", {v:,} {k.replace('_', ' ')}" for k, v in totals.items())


def overview(database: str) -> str:
    """Return the table of what is stored."""
    with psycopg.connect(database) as conn:
        rows = [(label, (conn.execute(query).fetchone() or (0,))[0]) for label, query in OVERVIEW]
    lines = "\n".join(f"    {label:<34} {number:>10,}" for label, number in rows)
    return f"\n  Collected\n{lines}"
