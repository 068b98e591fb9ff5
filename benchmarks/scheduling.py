"""How long Airflow takes from task to task: a chain of four tiny ones, against the time that they run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from benchmarks.memory import free_port
from benchmarks.report import Figure
from launcher.airflow_secrets import USER, password
from launcher.rest import Rest

ROOT = Path(__file__).resolve().parent.parent
DAG, RUNS, READY = "tiny_chain", 4, "Ctrl-C ends everything"


def figures(folder: Path) -> Iterator[Figure]:
    with _system(folder) as rest:
        totals = []
        for _ in range(RUNS):
            run_id = rest.trigger(DAG)
            if rest.await_run(DAG, run_id) != "success":
                raise RuntimeError(f"{DAG} failed; see {folder}/logs")
            run = rest.run(DAG, run_id)
            tasks = [
                _seconds(task["start_date"], task["end_date"]) for task in rest.tasks(DAG, run_id).values()
            ]
            totals.append((_seconds(run["queued_at"] or run["start_date"], run["end_date"]), sum(tasks)))
    total, running = min(totals)
    note = f"{total:.1f} s, of which tasks run {running:.1f} s; best of {RUNS}"
    yield Figure(
        "a chain of four tiny tasks, against their running", total / running, 3.5, at_least=False, note=note
    )


def _seconds(start: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


@contextmanager
def _system(folder: Path) -> Iterator[Rest]:
    """Start what `make demo` starts, with the chain beside our own DAGs."""
    web = free_port()
    bundles = [
        {
            "name": path.parent.name,
            "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
            "kwargs": {"path": str(path)},
        }
        for path in (ROOT / "dags", ROOT / "tests/system/dags")
    ]
    env = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    env |= {
        "BDC_STATE_DIR": str(folder),
        "BDC_PORT": str(web),
        "BDC_SANDBOX_PORT": str(free_port()),
        "BDC_DEMO_MESSAGES": "20",
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles),
    }
    command = [sys.executable, "-m", "launcher", "demo"]
    launcher = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)
    assert launcher.stdout is not None
    try:
        if not any(READY in line for line in launcher.stdout):
            raise RuntimeError(f"the system did not start; see {folder}/logs")
        rest = Rest(f"http://127.0.0.1:{web}", USER, password(folder))
        rest.login()
        yield rest
    finally:
        launcher.send_signal(signal.SIGINT)
        launcher.communicate()
