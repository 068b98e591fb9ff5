"""How long the DAG folder takes to parse, not counting the imports."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.report import Figure

ROOT = Path(__file__).resolve().parent.parent
GROUPS, TASKS = 50, 5


def figures() -> Iterator[Figure]:
    from airflow.dag_processing.dagbag import DagBag

    import collect  # noqa: F401 - the imports are not what is measured

    def parse() -> float:
        began = time.perf_counter()
        bag = DagBag(str(ROOT / "dags"))
        seconds = time.perf_counter() - began
        if bag.import_errors:
            raise RuntimeError(bag.import_errors)
        return seconds

    parse()
    yield Figure("parsing the DAG folder", min(parse() for _ in range(3)), 1, "s", at_least=False)
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(fifty_groups())
        file.flush()
        os.environ["BOOST_COLLECTOR_SCHEDULE_YAML"] = file.name
        try:
            seconds = min(parse() for _ in range(3))
        finally:
            del os.environ["BOOST_COLLECTOR_SCHEDULE_YAML"]
    yield Figure(f"parsing it with {GROUPS} groups of {TASKS} tasks", seconds, 1, "s", at_least=False)


def fifty_groups() -> str:
    task = "      - {{id: t{k}, command: run_boost_mailing_list_tracker, schedule: monthly, on: {day}}}\n"
    body = "".join(task.format(k=k, day=k + 1) for k in range(TASKS))
    return "groups:\n" + "".join(
        f"  g{n}:\n    default_time: 04:10\n    tasks:\n{body}" for n in range(GROUPS)
    )
