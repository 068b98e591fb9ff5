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
    """Start a temporary server and write the revision; return the exit status."""
    if len(argv) != 1:
        print("usage: make migration name=add_topics")
        return 2
    # Started by root, the server runs as a user that cannot read home folders.
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
    """Write the missing revision and print what was done; return the exit status."""
    for database in ("migrated", "modelled"):
        server.ensure_database(database)
    try:
        found = propose(name, server.url("migrated"), server.url("modelled"), folder)
    except (Refused, CommandError) as error:
        print(f"nothing written: {error}")
        return 2
    if found is None:
        print("Migrations and models give the same database; nothing was written.")
        return 0
    if found.problems:
        print(f"{found.path} was written, but must be completed by hand:", *found.problems, sep="\n  ")
        return 1
    print(f"{found.path} was written and tested: it upgrades to the models, and downgrades again.")
    print("Read it before you commit it: a table with rows may need more, for example a default.")
    return 0


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    sys.exit(main(sys.argv[1:]))
