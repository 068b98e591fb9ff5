"""`make bench`: prints every figure beside its target, and exits non-zero where one is missed."""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "plugins"), str(ROOT / "dags")]
SCRATCH = Path(tempfile.mkdtemp(prefix="bdc-bench-", dir="/var/tmp" if os.geteuid() == 0 else None))
# First registered is last called: the embedded server makes its lock folder once more at exit.
atexit.register(shutil.rmtree, SCRATCH, ignore_errors=True)
os.environ |= {
    "AIRFLOW_HOME": str(SCRATCH / "airflow"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
    "PYTHONPATH": os.pathsep.join([str(ROOT / "plugins"), str(ROOT)]),
    "no_proxy": "*",
}

from benchmarks import (  # noqa: E402
    budget,
    exporting,
    files,
    indexing,
    memory,
    merging,
    parsing,
    reprocessing,
    scheduling,
    streaming,
)
from launcher.migrate import upgrade  # noqa: E402
from launcher.postgres import EmbeddedServer  # noqa: E402


def main() -> int:
    logging.disable(logging.WARNING)
    server = EmbeddedServer(SCRATCH / "pg")
    server.start()
    missed = 0
    try:
        server.ensure_database("bench")
        url = server.url("bench")
        upgrade(url)
        parts = {
            "merging": lambda: merging.figures(url),
            "parsing": parsing.figures,
            "memory": lambda: memory.figures(url),
            "reprocessing": lambda: reprocessing.figures(url),
            "exporting": lambda: exporting.figures(url),
            "files": lambda: files.figures(url, SCRATCH / "files"),
            "budget": lambda: budget.figures(url),
            "streaming": lambda: streaming.figures(url),
            "scheduling": lambda: scheduling.figures(SCRATCH / "system"),
            "indexing": lambda: indexing.figures(url),
        }
        for part in (make() for name, make in parts.items() if name in (sys.argv[1:] or parts)):
            for figure in part:
                print(figure.line(), flush=True)
                missed += not figure.reached
    finally:
        server.stop()
    print(f"{missed} missed" if missed else "all reached")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
