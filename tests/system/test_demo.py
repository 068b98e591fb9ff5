"""The system as a user sees it: the demo, runs with params, logs, clearing tasks, killing processes."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import psycopg
import pytest
import requests

from launcher.postgres import EmbeddedServer
from launcher.rest import Rest
from tests.conftest import ROOT, SCRATCH
from tests.system.conftest import READY, Demo, free_port
from tests.waiting import until

DAG, TASK = "collect_mailing_list", "run_boost_mailing_list_tracker"
BOOST = "boost@lists.boost.org"
pytestmark = [pytest.mark.system, pytest.mark.timeout(600), pytest.mark.xdist_group("system")]


@pytest.fixture(autouse=True)
def _without_faults(demo: Demo) -> Iterator[None]:
    yield
    demo.clear_faults()


def run(rest: Rest, conf: dict[str, object] | None = None) -> tuple[str, str]:
    run_id = rest.trigger(DAG, conf)
    return run_id, rest.await_run(DAG, run_id)


def test_the_demo_collects_and_prints_the_counts(demo: Demo) -> None:
    text = "".join(demo.output)
    assert f"{TASK:<34} success" in text
    assert "mailing_list: messages                    600" in text
    assert f"http://localhost:{demo.web_port}" in text
    assert demo.query("SELECT count(*) FROM mailing_list.message") == [(600,)]
    assert "ready" in text


def test_a_run_with_params_and_its_log(demo: Demo, rest: Rest) -> None:
    run_id, state = run(rest, {"dry_run": True, "mailing_list__list_names": [BOOST]})
    assert state == "success"
    log = rest.log(DAG, run_id, TASK)
    assert f"{TASK}: dry_run=True, list_names={BOOST}" in log
    assert "360 in the archive, 360 stored; would fetch about 0 messages" in log
    assert (
        log.index("::group::Pre Execute") < log.index(f"{TASK}: dry_run") < log.index("::group::Post Execute")
    )


def test_a_cleared_task_runs_again_and_changes_nothing(demo: Demo, rest: Rest) -> None:
    before = demo.query("SELECT md5(string_agg(m::text, '' ORDER BY id)) FROM mailing_list.message AS m")
    run_id, state = run(rest)
    assert state == "success"
    rest.clear(DAG, run_id, TASK, downstream=True)
    assert rest.await_run(DAG, run_id) == "success"
    assert rest.tasks(DAG, run_id)[TASK]["try_number"] == 2
    assert "0 new" in rest.log(DAG, run_id, TASK, 2)
    assert (
        demo.query("SELECT md5(string_agg(m::text, '' ORDER BY id)) FROM mailing_list.message AS m") == before
    )


def test_a_failing_list_fails_the_run_and_names_the_remedy(demo: Demo, rest: Rest) -> None:
    demo.fault(path="boost-users.*/emails", status=403)
    run_id, state = run(rest)
    assert state == "failed"
    tasks = rest.tasks(DAG, run_id)
    assert (tasks[TASK]["state"], tasks["finalise"]["state"]) == ("failed", "failed")
    assert tasks[TASK]["try_number"] == 1
    log = rest.log(DAG, run_id, TASK)
    assert "1 of 3 failed, the others are stored: boost-users@lists.boost.org (auth)" in log
    assert "check the Connection's credentials" in log
    assert f"failed: {TASK}: auth" in rest.log(DAG, run_id, "finalise")
    demo.clear_faults()
    # If only the collector is cleared, the run stays failed; with downstream, finalise runs again.
    rest.clear(DAG, run_id, TASK, downstream=False)
    assert rest.await_run(DAG, run_id) == "failed"
    assert rest.tasks(DAG, run_id)[TASK]["state"] == "success"
    rest.clear(DAG, run_id, TASK, downstream=True)
    assert rest.await_run(DAG, run_id) == "success"


def test_counts_are_in_xcom_and_failures_carry_their_fields(demo: Demo, rest: Rest) -> None:
    demo.fault(path="boost-users.*/emails", status=403)
    run_id, _ = run(rest)
    tis = f"/dags/{DAG}/dagRuns/{run_id}/taskInstances/{TASK}"
    counts = rest.call("GET", f"{tis}/xcomEntries/counts", params={"deserialize": True})["value"]
    assert f"{BOOST}/known" in str(counts)
    content = rest.call("GET", f"{tis}/logs/1", headers={"Accept": "application/json"})["content"]
    failures = [line for line in content if isinstance(line, dict) and line.get("failure_category")]
    assert len(failures) == 2
    assert all(
        (f["collector"], f["collector_phase"], f["failure_category"]) == (TASK, "collect", "auth")
        for f in failures
    )


def test_the_source_link_and_message_urls_lead_to_pages(demo: Demo, rest: Rest) -> None:
    run_id, _ = run(rest, {"dry_run": True, "mailing_list__list_names": [BOOST]})
    links = rest.call("GET", f"/dags/{DAG}/dagRuns/{run_id}/taskInstances/{TASK}/links")["extra_links"]
    (message,) = demo.query("SELECT url FROM mailing_list.message LIMIT 1")
    for address in (links["Source"], message[0]):
        assert requests.get(address, timeout=60).status_code == 200, address


def test_no_log_contains_a_personal_address_or_a_body(demo: Demo) -> None:
    logs = [path.read_text(errors="replace") for path in (demo.folder / "logs").glob("dag_id=*/**/*.log")]
    assert len(logs) > 3
    found = {a for text in logs for a in re.findall(r"[\w.+-]+@[\w-]+\.[\w.-]*\w", text)}
    assert {address for address in found if not address.endswith("@lists.boost.org")} == set()
    assert not any("somebody wrote" in text for text in logs)


def test_closing_the_terminal_leaves_no_process() -> None:
    folder = SCRATCH / "terminal"
    keeper, terminal = pty.openpty()
    first = Demo.start(folder, messages=60, terminal=terminal)
    os.close(terminal)
    until(lambda: (folder / "system.json").exists() and len(first.sessions) == 5)
    sessions = first.sessions
    assert first.running(sessions)
    os.close(keeper)
    first.process.wait()
    until(lambda: first.running(sessions) == [])


def test_bad_params_are_refused_with_a_message(rest: Rest) -> None:
    with pytest.raises(RuntimeError, match="date-time"):
        rest.trigger(DAG, {"since": "garbage"})
    run_id, state = run(rest, {"since": "2026-02-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"})
    assert state == "failed"
    assert "is after until" in rest.log(DAG, run_id, TASK)
    assert rest.tasks(DAG, run_id)[TASK]["try_number"] == 1


def _task_process(demo: Demo) -> psutil.Process | None:
    """The process of the running task: it leads a separate process group in the scheduler's session."""
    for process in psutil.process_iter():
        try:
            inside = os.getsid(process.pid) == demo.sessions["scheduler"]
            leads = os.getpgid(process.pid) == process.pid != demo.sessions["scheduler"]
            if inside and leads and process.status() != psutil.STATUS_ZOMBIE:
                return process
        except (OSError, psutil.Error):
            continue
    return None


def test_a_killed_task_is_retried_and_loses_nothing(demo: Demo, rest: Rest) -> None:
    requests.post(f"{demo.sandbox}/time", json={"messages": 300}, timeout=60)
    demo.fault(path="/email/", kind="delay", seconds=0.2)
    stored = demo.query("SELECT count(*) FROM mailing_list.message")[0][0]
    run_id = rest.trigger(DAG)
    until(lambda: demo.query("SELECT count(*) FROM mailing_list.message")[0][0] > stored)
    os.kill(until(lambda: _task_process(demo)).pid, signal.SIGKILL)
    demo.clear_faults()
    assert rest.await_run(DAG, run_id) == "success"
    assert rest.tasks(DAG, run_id)[TASK]["try_number"] == 2
    expected = sum(requests.get(f"{demo.sandbox}/", timeout=60).json()["mailing_lists"].values())
    assert demo.query(
        "SELECT count(*), count(DISTINCT (list_name, message_hash)) FROM mailing_list.message"
    ) == [(expected, expected)]
    states = demo.query(f"SELECT state FROM core.run WHERE run_id = '{run_id}' ORDER BY id LIMIT 2")
    assert states == [("killed",), ("success",)]


@pytest.mark.prove
def test_a_task_whose_supervisor_is_killed_ends_and_is_retried(demo: Demo, rest: Rest) -> None:
    requests.post(f"{demo.sandbox}/time", json={"messages": 400}, timeout=60)
    demo.fault(path="/email/", kind="delay", seconds=0.3)
    run_id = rest.trigger(DAG)
    task = until(lambda: _task_process(demo))
    time.sleep(3)
    supervisor = task.parent()
    assert supervisor is not None
    supervisor.kill()
    task.wait()
    demo.clear_faults()
    # The retry policy is not asked: the heartbeat is missed after 60 s, then the task's own delay applies.
    assert rest.await_run(DAG, run_id) == "success"
    expected = sum(requests.get(f"{demo.sandbox}/", timeout=60).json()["mailing_lists"].values())
    assert demo.query("SELECT count(*) FROM mailing_list.message") == [(expected,)]
    states = demo.query(f"SELECT state FROM core.run WHERE run_id = '{run_id}' ORDER BY id LIMIT 2")
    assert states == [("killed",), ("success",)]


def test_clearing_a_running_task_ends_it_cleanly(demo: Demo, rest: Rest) -> None:
    requests.post(f"{demo.sandbox}/time", json={"messages": 200}, timeout=60)
    demo.fault(path="/email/", kind="delay", seconds=0.3)
    run_id = rest.trigger(DAG)
    until(lambda: _task_process(demo))
    time.sleep(2)
    rest.clear(DAG, run_id, TASK, downstream=True)
    demo.clear_faults()
    assert rest.await_run(DAG, run_id) == "success"
    states = {row[0] for row in demo.query(f"SELECT state FROM core.run WHERE run_id = '{run_id}'")}
    assert states <= {"stopped", "success", "killed"}
    expected = sum(requests.get(f"{demo.sandbox}/", timeout=60).json()["mailing_lists"].values())
    assert demo.query("SELECT count(*) FROM mailing_list.message") == [(expected,)]


def test_a_chain_of_tiny_tasks(rest: Rest) -> None:
    """`make bench` measures how fast it is."""
    run_id = rest.trigger("tiny_chain")
    assert rest.await_run("tiny_chain", run_id) == "success"
    states = [task["state"] for task in rest.tasks("tiny_chain", run_id).values()]
    assert states == ["success"] * 4


def test_the_links_of_a_task_and_the_page_of_stored_rows(demo: Demo, rest: Rest) -> None:
    run_id, _ = run(rest, {"dry_run": True})
    links = rest.call("GET", f"/dags/{DAG}/dagRuns/{run_id}/taskInstances/{TASK}/links")["extra_links"]
    assert links["Source"].endswith("/hyperkitty/archives/")
    page = f"{demo.web}{links['Stored rows']}"
    assert requests.get(page, timeout=60).status_code == 401
    refused = requests.get(page, headers={"Accept": "text/html"}, allow_redirects=False, timeout=60)
    assert (refused.status_code, refused.headers["location"].startswith("/auth/login?next=")) == (307, True)
    shown = rest.session.get(page, timeout=60)
    assert shown.status_code == 200
    assert "mailing_list.message" in shown.text
    assert BOOST in shown.text
    assert rest.session.get(f"{demo.web}/boost/runs/999999", timeout=60).status_code == 404


def test_the_test_button_of_a_connection(demo: Demo, rest: Rest) -> None:
    host = f"http://127.0.0.1:{demo.sandbox_port}/hyperkitty/archives"
    connection = {"connection_id": "x", "conn_type": "hyperkitty", "host": host}
    assert rest.call("POST", "/connections/test", json=connection)["message"].startswith("3 public lists")
    connection["host"] = ""
    answer = rest.call("POST", "/connections/test", json=connection)
    assert answer["status"] is False
    types = rest.call("GET", "/connections", params={"limit": 50})["connections"]
    assert {"bdc_postgres", "hyperkitty_boost"} <= {c["connection_id"] for c in types}


def test_pools_exist(rest: Rest) -> None:
    names = {pool["name"] for pool in rest.call("GET", "/pools")["pools"]}
    assert {"git", "pinecone"} <= names


def test_a_second_start_in_the_same_folder_is_refused(demo: Demo) -> None:
    env = os.environ | {"BDC_STATE_DIR": str(demo.folder)}
    second = subprocess.run(
        [sys.executable, "-m", "launcher", "demo"], env=env, capture_output=True, text=True, timeout=60
    )
    assert second.returncode == 1
    assert "a system is already running" in second.stdout
    status = subprocess.run(
        [sys.executable, "-m", "launcher", "status"], env=env, capture_output=True, text=True, timeout=60
    )
    assert "scheduler     up" in status.stdout
    assert "mailing_list: messages" in status.stdout


def test_a_killed_launcher_leaves_no_process_and_the_next_start_works() -> None:
    """Runs next to the other demo, with a separate folder and other ports."""
    folder = SCRATCH / "killed"
    first = Demo.start(folder, messages=60)
    try:
        first.await_line("airflow       starting")
        time.sleep(4)
        sessions = first.sessions
        assert first.running(sessions)
        first.process.kill()
        until(lambda: first.running(sessions) == [])
    finally:
        first.process.kill()
        first.process.wait()
    second = Demo.start(folder, messages=60)
    try:
        second.await_line(READY)
        sessions = second.sessions
    finally:
        second.stop()
    assert second.running(sessions) == []
    assert "stopping" in "".join(second.output)


def test_up_uses_the_configured_database_and_starts_no_run(
    postgres: EmbeddedServer,
) -> None:
    postgres.ensure_database("collected_by_up")
    url = postgres.url("collected_by_up")
    port = free_port()
    env = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTEST"))}
    env |= {"BDC_STATE_DIR": str(SCRATCH / "up"), "BDC_PORT": str(port), "BDC_EXIT_WHEN_DONE": "1"}
    env["DATABASE_URL"] = url
    command = [sys.executable, "-c", UP]
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ready" in done.stdout
    assert "paused: True, connections: ['bdc_postgres', 'hyperkitty_boost']" in done.stdout
    with psycopg.connect(url) as conn:
        assert conn.execute("SELECT count(*) FROM core.run").fetchone() == (0,)


UP = """
import sys
from launcher import __main__ as launcher
from launcher.system import System

start = System.start

def look(system):
    start(system)
    rest = system.rest()
    rest.login()
    while not rest.dags("collector"):
        pass
    (dag,) = rest.dags("collector")
    names = sorted(c["connection_id"] for c in rest.call("GET", "/connections")["connections"])
    print(f"paused: {dag['is_paused']}, connections: {names}")

System.start = look
sys.exit(launcher.run(sandbox=False))
"""
