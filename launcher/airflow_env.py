"""Airflow's configuration for one machine with 2 cores and 4 GB."""

from __future__ import annotations

import os
from pathlib import Path

from launcher.airflow_secrets import USER, password_file, shared_secrets
from launcher.folders import ROOT
from launcher.ports import Ports
from launcher.postgres import EmbeddedServer

OURS = ("AIRFLOW_CONN_", "DATABASE_URL", "DB_", "BOOST_", "PINECONE_", "WORKSPACE_")
"""Variables of the surrounding shell that could connect a demo to something outside the sandbox."""


def airflow_env(
    state: Path, ports: Ports, server: EmbeddedServer, extra: dict[str, str], *, sealed: bool
) -> dict[str, str]:
    """Return the environment of all components.

    :param sealed: ignore variables of the surrounding shell that could lead out of the sandbox.
    """
    around = {name: value for name, value in os.environ.items() if not (sealed and name.startswith(OURS))}
    web = f"http://127.0.0.1:{ports.web}"
    ours = {
        "AIRFLOW_HOME": str(state / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{web}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(password_file(state)),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": server.url("airflow", "psycopg2"),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(ports.web),
        "AIRFLOW__API__BASE_URL": f"http://localhost:{ports.web}",
        "AIRFLOW__API__EXPOSE_CONFIG": "False",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(state / "logs"),
        # A chain of short tasks is only as fast as the scheduler wakes up; 0.3 s costs a tenth of a core.
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.3",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
        "AIRFLOW__TRIGGERER__DEFAULT_CAPACITY": "100",
        "PYTHONUNBUFFERED": "1",
        "no_proxy": "*",
    }
    defaults = {"WORKSPACE_DIR": str(state / "workspace")}
    return defaults | extra | around | shared_secrets(state) | ours


def components(python: str) -> dict[str, list[str]]:
    """Return the commands of Airflow's four components.

    Log servers are not started: they would listen on all interfaces, and on one machine files are enough.
    """
    airflow = [str(Path(python).with_name("airflow"))]
    return {
        "api-server": [*airflow, "api-server"],
        "scheduler": [*airflow, "scheduler", "--skip-serve-logs"],
        "dag-processor": [*airflow, "dag-processor"],
        "triggerer": [*airflow, "triggerer", "--skip-serve-logs"],
    }
