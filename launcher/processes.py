"""Starts each component in its own session, and ends all processes of a session.

A running task moves to its own process group and survives its supervisor. Only the session id finds every
process of a component, even after its leader has died.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import psutil

PATIENCE = 8.0
SECOND_TERM_AFTER = 3.0
LARGEST_LOG = 10 * 1024 * 1024


def start(name: str, command: list[str], env: Mapping[str, str], log_folder: Path) -> subprocess.Popen[bytes]:
    """Start a component in its own session; its output goes to `<name>.log`."""
    log_folder.mkdir(parents=True, exist_ok=True)
    file = log_folder / f"{name}.log"
    if file.exists() and file.stat().st_size > LARGEST_LOG:
        file.replace(file.with_suffix(".log.1"))
    with file.open("ab") as log:
        return subprocess.Popen(
            command,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def members(sessions: Collection[int]) -> Iterator[psutil.Process]:
    """Yield the running processes of these sessions."""
    for process in psutil.process_iter():
        with suppress(OSError, psutil.Error):
            if os.getsid(process.pid) in sessions and process.status() != psutil.STATUS_ZOMBIE:
                yield process


def end(sessions: Collection[int], patience: float = PATIENCE) -> None:
    """End all processes of these sessions: SIGTERM to leaders and running tasks, later SIGKILL to all."""
    if not sessions:
        return
    _terminate(sessions)
    began = time.monotonic()
    terminated_twice = False
    while time.monotonic() - began < patience:
        _reap(sessions)
        if not any(members(sessions)):
            return
        if not terminated_twice and time.monotonic() - began > SECOND_TERM_AFTER:
            # The triggerer may wait forever for its child; a second SIGTERM makes it exit at once.
            _terminate(sessions)
            terminated_twice = True
        time.sleep(0.1)
    for process in members(sessions):
        with suppress(psutil.Error):
            process.kill()
    deadline = time.monotonic() + 3
    while any(members(sessions)) and time.monotonic() < deadline:
        _reap(sessions)
        time.sleep(0.02)


def _terminate(sessions: Collection[int]) -> None:
    for process in members(sessions):
        with suppress(OSError, psutil.Error):
            is_task = os.getpgid(process.pid) == process.pid
            if process.pid in sessions or is_task:
                process.send_signal(signal.SIGTERM)


def _reap(sessions: Collection[int]) -> None:
    """Collect the exit status of components that are children of this process."""
    for session in sessions:
        with suppress(ChildProcessError, OSError):
            os.waitpid(session, os.WNOHANG)
