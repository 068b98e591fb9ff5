"""A real system, started once for all system tests, as a user would start it."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import termios
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests

from launcher import processes
from launcher.postgres import postmaster
from launcher.rest import Rest
from tests.conftest import ROOT, SCRATCH

READY = "Ctrl-C ends everything"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _own_terminal() -> None:
    """Make standard input the controlling terminal, as in an interactive shell."""
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@dataclass
class Demo:
    """A running `make demo`."""

    folder: Path
    web_port: int
    sandbox_port: int
    process: subprocess.Popen[str]
    output: list[str]

    @classmethod
    def start(cls, folder: Path, messages: int = 600, terminal: int | None = None) -> Demo:
        web, sandbox = free_port(), free_port()
        bundles = [
            {
                "name": name,
                "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
                "kwargs": {"path": str(path)},
            }
            for name, path in (("dags-folder", ROOT / "dags"), ("tests", ROOT / "tests/system/dags"))
        ]
        env = {
            name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTEST"))
        }
        env |= {
            "BDC_STATE_DIR": str(folder),
            "BDC_PORT": str(web),
            "BDC_SANDBOX_PORT": str(sandbox),
            "BDC_DEMO_MESSAGES": str(messages),
            "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles),
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "launcher", "demo"],
            cwd=ROOT,
            env=env,
            stdin=terminal,
            stdout=subprocess.PIPE if terminal is None else terminal,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=None if terminal is None else _own_terminal,
        )
        return cls(folder, web, sandbox, process, [])

    def await_line(self, text: str) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output.append(line)
            if text in line:
                return
        raise AssertionError("the launcher ended:\n" + "".join(self.output))

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        assert self.process.stdout is not None
        self.output += list(self.process.stdout)
        self.process.wait()

    @property
    def sessions(self) -> dict[str, int]:
        facts: dict[str, Any] = json.loads((self.folder / "system.json").read_text())
        return dict(facts["sessions"])

    @property
    def web(self) -> str:
        return f"http://127.0.0.1:{self.web_port}"

    @property
    def sandbox(self) -> str:
        return f"http://127.0.0.1:{self.sandbox_port}/_sandbox"

    def rest(self) -> Rest:
        rest = Rest(self.web, "admin", json.loads((self.folder / "passwords.json").read_text())["admin"])
        rest.login()
        return rest

    def database(self, name: str) -> str:
        return f"postgresql://postgres@/{name}?host={self.folder}/pg/data"

    def query(self, text: str) -> list[Any]:
        with psycopg.connect(self.database("boost")) as conn:
            return conn.execute(text).fetchall()  # type: ignore[arg-type]

    def fault(self, **wanted: Any) -> None:
        requests.post(f"{self.sandbox}/faults", json=wanted, timeout=60).raise_for_status()

    def clear_faults(self) -> None:
        requests.delete(f"{self.sandbox}/faults", timeout=60).raise_for_status()

    def running(self, sessions: dict[str, int]) -> list[str]:
        """The processes of a system that are still running."""
        names = [p.name() for p in processes.members(sessions.values())]
        return names + (["postgres"] if postmaster(self.folder / "pg") else [])


@pytest.fixture(scope="session")
def demo() -> Iterator[Demo]:
    started = Demo.start(SCRATCH / "system")
    try:
        started.await_line(READY)
        yield started
    finally:
        if started.process.poll() is None:
            started.stop()


@pytest.fixture(scope="session")
def rest(demo: Demo) -> Rest:
    return demo.rest()
