"""Makes a task process safe to kill. Each of the three was seen to go wrong without it."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

ORPHANED = 70
"""Exit status of a task that outlived its supervisor."""


def in_task_runner() -> bool:
    """Say whether this process is a task of its own, not a test that runs a DAG in process."""
    module = sys.modules.get("airflow.sdk.execution_time.task_runner")
    comms = getattr(module, "SUPERVISOR_COMMS", None)
    return type(comms).__name__ == "CommsDecoder"


def protect() -> None:
    """Restore the default for SIGSEGV, and end this process when its supervisor is gone.

    Parsing a DAG file installs a Python handler for SIGSEGV, in which a crash in C code loops for ever. And a
    task whose supervisor was killed would go on beside its own retry.
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
