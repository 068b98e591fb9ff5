"""A whole system on one machine: PostgreSQL, optionally the sandbox, and Airflow's components."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from launcher import connections, processes
from launcher.airflow_env import airflow_env, components
from launcher.airflow_secrets import USER, password
from launcher.folders import ROOT
from launcher.guard import end_all
from launcher.migrate import upgrade
from launcher.ports import Ports
from launcher.postgres import EmbeddedServer
from launcher.rest import Rest
from launcher.state import State

READY_WITHIN = 180.0
RESTARTS = 3
COLLECTED = "boost"
"""Name of the database for collected data; Airflow has a separate one."""


class StartFailed(Exception):
    """The system did not start; the message says where to look."""


def say(text: str) -> None:
    """Print at once, even if the output is piped."""
    print(text, flush=True)


class System:
    """Starts, monitors and stops all components."""

    def __init__(
        self,
        folder: Path,
        ports: Ports,
        *,
        sandbox: bool,
        extra: dict[str, str] | None = None,
        database_url: str = "",
    ) -> None:
        self.state = State(folder)
        self.ports = ports
        self.with_sandbox = sandbox
        self.extra = extra or {}
        self.database_url = database_url
        self.server = EmbeddedServer(folder / "pg")
        self.env: dict[str, str] = {}
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._commands: dict[str, list[str]] = {}
        self._restarts: dict[str, int] = {}
        self._guard: subprocess.Popen[str] | None = None

    # -- addresses -------------------------------------------------------------------------------------

    @property
    def web(self) -> str:
        """Address of the Airflow UI."""
        return f"http://127.0.0.1:{self.ports.web}"

    @property
    def database(self) -> str:
        """URL of the database for collected data."""
        return self.database_url or self.server.url(COLLECTED)

    def rest(self) -> Rest:
        """Return a client for Airflow's REST API."""
        return Rest(self.web, USER, password(self.state.folder))

    # -- start -----------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start everything and wait until it is healthy."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _exit)
        self.state.acquire()
        self._recover()
        self.ports.require_free(sandbox=self.with_sandbox)
        self._start_guard()
        say("  database      starting")
        self.server.start()
        for name in ("airflow", COLLECTED):
            self.server.ensure_database(name)
        upgrade(self.database)
        password(self.state.folder)
        self.env = airflow_env(
            self.state.folder, self.ports, self.server, self.extra, sealed=self.with_sandbox
        )
        if self.with_sandbox:
            messages = os.environ.get("BDC_DEMO_MESSAGES", "1200")
            port = ["--port", str(self.ports.sandbox), "--messages", messages]
            self._start_component("sandbox", [sys.executable, "-m", "sandbox", *port])
        say("  airflow       preparing its database")
        self._prepare_airflow()
        for name, command in components(sys.executable).items():
            self._start_component(name, command)
        say("  airflow       starting")
        self._await_ready()

    def _recover(self) -> None:
        """End the processes that a killed launcher may have left behind."""
        self.state.await_guard()
        leftover = self.state.read().get("sessions", {})
        if leftover and any(processes.members(leftover.values())):
            say("  found processes of an earlier start; ending them")
            end_all(self.state.folder, leftover)
        self.state.forget()

    def _start_guard(self) -> None:
        self._guard = subprocess.Popen(
            [sys.executable, "-m", "launcher.guard", str(self.state.folder)],
            stdin=subprocess.PIPE,
            text=True,
            start_new_session=True,
            cwd=ROOT,
        )

    def _start_component(self, name: str, command: list[str]) -> None:
        child = processes.start(name, command, self.env, self.state.logs)
        self._children[name], self._commands[name] = child, command
        self.state.sessions[name] = child.pid
        self.state.write(web=self.web, user=USER, database=self.database_url)
        if self._guard and self._guard.stdin:
            self._guard.stdin.write(f"{name} {child.pid}\n")
            self._guard.stdin.flush()

    def _prepare_airflow(self) -> None:
        ours: dict[str, Any] = {"bdc_postgres": connections.postgres_connection(self.database)}
        defaults: dict[str, Any] = {}
        if self.with_sandbox:
            ours |= connections.sandbox_connections(f"http://127.0.0.1:{self.ports.sandbox}")
        else:
            defaults = connections.REAL
        files = [
            connections.write(self.state.folder / f"{name}.json", found)
            for name, found in (("connections", ours), ("defaults", defaults))
        ]
        self.state.logs.mkdir(parents=True, exist_ok=True)
        log = self.state.logs / "setup.log"
        with log.open("ab") as output:
            done = subprocess.run(
                [
                    sys.executable,
                    "-m",
                    "launcher.airflow_setup",
                    str(ROOT / "include" / "pools.json"),
                    *map(str, files),
                ],
                env=self.env,
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        for file in files:
            file.unlink()
        if done.returncode:
            raise StartFailed(f"Airflow's database could not be prepared; see {log}")

    def _await_ready(self) -> None:
        rest, deadline = self.rest(), time.monotonic() + READY_WITHIN
        while not rest.healthy():
            self.check()
            if time.monotonic() > deadline:
                raise StartFailed(f"not healthy after {READY_WITHIN:.0f} s; see {self.state.logs}")
            time.sleep(0.5)

    # -- run ------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Restart components that have ended; give up after several restarts."""
        for name, child in list(self._children.items()):
            if child.poll() is None:
                continue
            self._restarts[name] = self._restarts.get(name, 0) + 1
            log = self.state.logs / f"{name}.log"
            if self._restarts[name] > RESTARTS:
                tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
                raise StartFailed(
                    f"{name} keeps ending (exit status {child.returncode}); {log} ends with:\n{tail}"
                )
            say(f"  {name} ended (exit status {child.returncode}); restarting it, see {log}")
            processes.end([child.pid], patience=2)
            time.sleep(2 ** self._restarts[name] - 1)
            self._start_component(name, self._commands[name])

    def watch(self) -> None:
        """Restart components until a signal ends this process."""
        while True:
            self.check()
            time.sleep(1)

    def stop(self) -> None:
        """End all processes, so that no port stays in use."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        end_all(self.state.folder, self.state.sessions)
        self.state.forget()
        if self._guard and self._guard.stdin:
            try:
                self._guard.stdin.write("done\n")
                self._guard.stdin.close()
            except BrokenPipeError:
                pass
            self._guard.wait(timeout=10)


def _exit(number: int, frame: object) -> None:
    raise SystemExit(128 + number)
