from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from launcher import airflow_secrets, connections, processes
from launcher.__main__ import main
from launcher.airflow_env import airflow_env
from launcher.folders import state_folder
from launcher.ports import Ports, PortTaken
from launcher.state import AlreadyRunning, State
from tests.waiting import until


def test_a_port_in_use_names_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setenv("BDC_PORT", str(listener.getsockname()[1]))
        with pytest.raises(
            PortTaken, match=r"in use by another program; choose a free one: `BDC_PORT=\d+ make demo`"
        ):
            Ports.from_environment().require_free(sandbox=False)
    monkeypatch.setenv("BDC_PORT", "http")
    with pytest.raises(PortTaken, match="must be a port number"):
        Ports.from_environment()


def test_the_state_folder_is_configurable_and_outside_home_folders_for_root(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BDC_STATE_DIR", str(tmp_path))
    assert state_folder() == tmp_path
    monkeypatch.delenv("BDC_STATE_DIR")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert state_folder().parent == Path("/var/tmp")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert state_folder().name == ".state"


def test_one_launcher_per_folder(tmp_path: Path) -> None:
    first = State(tmp_path)
    first.acquire()
    assert first.is_held()
    with pytest.raises(AlreadyRunning, match="make down"):
        State(tmp_path).acquire()
    first.write(web="x")
    assert State(tmp_path).read()["web"] == "x"
    first.forget()
    assert State(tmp_path).read() == {}


def test_secrets_are_generated_once_and_readable_only_by_their_owner(tmp_path: Path) -> None:
    assert airflow_secrets.password(tmp_path) == airflow_secrets.password(tmp_path)
    assert airflow_secrets.shared_secrets(tmp_path) == airflow_secrets.shared_secrets(tmp_path)
    assert all(file.stat().st_mode & 0o077 == 0 for file in tmp_path.iterdir())


def test_a_database_url_becomes_a_connection(tmp_path: Path) -> None:
    found = connections.postgres_connection("postgresql://u:p@h:5433/d?sslmode=require")
    assert (found["host"], found["port"], found["schema"], found["login"]) == ("h", 5433, "d", "u")
    assert found["extra"] == '{"sslmode": "require"}'
    file = connections.write(tmp_path / "c.json", {"x": found})
    assert file.stat().st_mode & 0o077 == 0


SCRIPT = """
import os, signal, subprocess, sys, time
if {stubborn}: signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import os, signal, time; os.setpgid(0, 0); time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("stubborn", [False, True])
def test_all_processes_of_a_session_are_ended(tmp_path: Path, stubborn: bool) -> None:
    command = [sys.executable, "-c", SCRIPT.format(stubborn=stubborn)]
    leader = processes.start("x", command, os.environ, tmp_path)
    until(lambda: len(list(processes.members([leader.pid]))) == 2)
    processes.end([leader.pid], patience=0.5)
    assert list(processes.members([leader.pid])) == []


def test_processes_of_a_session_are_found_after_its_leader_died(tmp_path: Path) -> None:
    leader = processes.start("x", [sys.executable, "-c", SCRIPT.format(stubborn=False)], os.environ, tmp_path)
    until(lambda: len(list(processes.members([leader.pid]))) == 2)
    os.kill(leader.pid, signal.SIGKILL)
    leader.wait()
    assert len(list(processes.members([leader.pid]))) == 1
    processes.end([leader.pid])
    assert list(processes.members([leader.pid])) == []


def in_a_process_of_its_own(command: str) -> tuple[int, str]:
    done = subprocess.run([sys.executable, "-m", "launcher", command], capture_output=True, text=True)
    return done.returncode, done.stdout


def in_this_process(command: str) -> tuple[int, str]:
    """Airflow is imported already, which takes several seconds."""
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(StringIO()) as shown:
        patch.setattr(sys, "argv", ["launcher", command])
        patch.setattr(sys, "path", [*sys.path])
        return main(), shown.getvalue()


def test_an_unknown_command_shows_what_there_is() -> None:
    status, shown = in_a_process_of_its_own("nonsense")
    assert status == 2
    assert "demo | up | down | status" in shown


@pytest.mark.parametrize(
    "run", [in_this_process, pytest.param(in_a_process_of_its_own, marks=pytest.mark.system)]
)
def test_the_commands_that_check(run: Callable[[str], tuple[int, str]]) -> None:
    status, shown = run("config-check")
    assert status == 0, shown
    assert "run_boost_mailing_list_tracker" in shown
    assert "Variable" not in shown
    assert "every setting can be read" in run("doctor")[1]


def test_a_demo_ignores_variables_that_lead_out_of_the_sandbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Server:
        def url(self, database: str, driver: str | None = None) -> str:
            return f"postgresql:///{database}"

    monkeypatch.setenv("AIRFLOW_CONN_HYPERKITTY_BOOST", "https://lists.boost.org/archives")
    monkeypatch.setenv("DATABASE_URL", "postgresql://production/boost")
    monkeypatch.setenv("BDC_TEST_ONLY", "kept")

    def env(*, sealed: bool) -> dict[str, str]:
        return airflow_env(tmp_path, Ports(1, 2), Server(), {}, sealed=sealed)  # type: ignore[arg-type]

    assert not {"AIRFLOW_CONN_HYPERKITTY_BOOST", "DATABASE_URL"} & set(env(sealed=True))
    assert {"AIRFLOW_CONN_HYPERKITTY_BOOST", "DATABASE_URL"} <= set(env(sealed=False))
    assert env(sealed=True)["BDC_TEST_ONLY"] == "kept"
    assert env(sealed=True)["AIRFLOW__API__HOST"] == "127.0.0.1"
