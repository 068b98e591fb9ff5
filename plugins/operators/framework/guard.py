"""Makes a task process safe to kill. Each measure was needed for a failure that occurred without it."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

ORPHANED = 70
"""Exit status of a task that outlived its supervisor."""


def in_task_runner() -> bool:
    """Return whether this process runs only a task, unlike a test that runs a DAG in its own process."""
    module = sys.modules.get("airflow.sdk.execution_time.task_runner")
    comms = getattr(module, "SUPERVISOR_COMMS", None)
    return type(comms).__name__ == "CommsDecoder"


def protect() -> None:
    """Restore the default handler of SIGSEGV, and end this process when its supervisor has ended.

    Parsing a DAG file installs a Python handler for SIGSEGV, in which a crash in C code loops forever. A task
    whose supervisor was killed would continue next to its own retry.
    """
    if not in_task_runner():
        return
    signal.signal(signal.SIGSEGV, signal.SIG_DFL)
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(ORPHANED)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
