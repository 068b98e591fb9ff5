"""What `make demo` does once everything is running: run each group once, show progress and results."""

from __future__ import annotations

import time
from typing import Any

import psycopg

from launcher.rest import Rest
from launcher.system import System, say

AUDIT = "ops_pinecone_audit"
PARSED_WITHIN, STARTED_WITHIN, DONE_WITHIN = 90.0, 60.0, 900.0


def collect_once(system: System) -> bool:
    """Run every group of the schedule once; return whether all runs succeeded."""
    rest = system.rest()
    rest.login()
    _refill_index(system, rest)
    runs = {dag_id: _run_once(rest, dag_id) for dag_id in _await_dags(system, rest)}
    return all([_follow(system, rest, dag_id, run_id) for dag_id, run_id in runs.items()])


def _refill_index(system: System, rest: Rest) -> None:
    """Fill the vector index again if an earlier demo used it: the sandbox keeps it in memory only."""
    with psycopg.connect(system.database) as conn:
        indexed = conn.execute("SELECT EXISTS (SELECT FROM pinecone.ledger)").fetchone()
    if indexed and indexed[0]:
        _await_dags(system, rest)
        rest.unpause(AUDIT)
        _follow(system, rest, AUDIT, rest.trigger(AUDIT, {"pinecone__repair": True}))


def _await_dags(system: System, rest: Rest) -> list[str]:
    deadline = time.monotonic() + PARSED_WITHIN
    while time.monotonic() < deadline:
        system.check()
        if found := rest.dags("collector"):
            return sorted(dag["dag_id"] for dag in found)
        if errors := rest.import_errors():
            raise RuntimeError(f"DAGs cannot be imported:\n{errors[0]['stack_trace']}")
        time.sleep(0.5)
    raise RuntimeError("no DAG appeared; see dag-processor.log in the state folder")


def _run_once(rest: Rest, dag_id: str) -> str:
    """Unpausing starts the latest missed run; trigger one only if none starts."""
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
            if task["map_index"] >= 0 and not task.get("rendered_map_index"):
                continue  # its name is not known yet
            line = _described(system, run_id, task)
            if line and shown.get(task_id) != line:
                shown[task_id] = line
                say(f"    {task_id:<34} {line}")
        state = rest.run(dag_id, run_id)["state"]
        if state in ("success", "failed"):
            return bool(state == "success")
        time.sleep(1)
    return False


def _described(system: System, run_id: str, task: dict[str, Any]) -> str:
    state = task["state"]
    if state in (None, "scheduled", "queued"):
        return ""
    if state == "running":
        return f"running{_counts(system, run_id, task)}"
    seconds = task.get("duration") or 0
    return f"{state}, {seconds:.1f} s{_counts(system, run_id, task)}"


def _counts(system: System, run_id: str, task: dict[str, Any]) -> str:
    query = """
        SELECT counts FROM core.run WHERE (run_id, task_id, map_index) = (%s, %s, %s) ORDER BY id DESC LIMIT 1
    """
    with psycopg.connect(system.database) as conn:
        row = conn.execute(query, (run_id, task["task_id"], task["map_index"])).fetchone()
    totals = {k: v for k, v in (row[0] if row else {}).items() if "/" not in k}
    return "".join(f", {v:,} {k.replace('_', ' ')}" for k, v in totals.items())


def overview(database: str) -> str:
    """Return the figures that tables declare, such as their row counts, as text."""
    # Imported here because only this function needs the tables.
    from core.tables import SUMMARY
    from trackers.schema import metadata

    rows = []
    with psycopg.connect(database) as conn:
        for table in sorted(metadata.tables.values(), key=lambda table: table.fullname):
            figures: dict[str, str] = table.info.get(SUMMARY, {})
            if figures:
                # The figures are SQL from our own table declarations, not input.
                found = conn.execute(f"SELECT {', '.join(figures.values())} FROM {table.fullname}").fetchone()  # noqa: S608
                rows += [
                    (f"{table.schema}: {label}", n) for label, n in zip(figures, found or (), strict=True)
                ]
    lines = "\n".join(f"    {label:<34} {number:>10,}" for label, number in rows)
    return f"\n  Collected\n{lines}"
