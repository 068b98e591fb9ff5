"""`python -m launcher.migration NAME`."""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import sys
import tempfile
from pathlib import Path

from alembic.util import CommandError

from launcher.folders import ROOT

sys.path.insert(0, str(ROOT / "plugins"))

from launcher.migration.propose import Refused, propose
from launcher.postgres import FAST, EmbeddedServer


def main(argv: list[str]) -> int:
    """Start a server for this only, write the revision; return the exit status."""
    if len(argv) != 1:
        print("usage: make migration name=add_topics")
        return 2
    # Started by root, the server runs as a user of its own, who can open no home folder.
    scratch = Path(tempfile.mkdtemp(prefix="bdc-migration-", dir="/var/tmp" if os.geteuid() == 0 else None))
    # First registered is last called: the embedded server makes its lock folder once more at exit.
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    server = EmbeddedServer(scratch / "pg", options=FAST)
    try:
        server.start()
        return write(argv[0], server)
    finally:
        server.stop()


def write(name: str, server: EmbeddedServer, folder: Path = ROOT / "migrations") -> int:
    """Write the revision that is missing and say what was done; return the exit status."""
    for database in ("migrated", "modelled"):
        server.ensure_database(database)
    try:
        found = propose(name, server.url("migrated"), server.url("modelled"), folder)
    except (Refused, CommandError) as error:
        print(f"nothing written: {error}")
        return 2
    if found is None:
        print("Models and migrations make the same database: nothing to write.")
        return 0
    if found.problems:
        print(f"{found.path} is written, but must be completed by hand:", *found.problems, sep="\n  ")
        return 1
    print(f"{found.path} is written. It was run up, down and up again, and makes what the models say.")
    print("Read it before you commit it: tables that hold rows may need more, a default for instance.")
    return 0


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    sys.exit(main(sys.argv[1:]))
