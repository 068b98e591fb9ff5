"""`python -m launcher demo | up | down | status | migrate | doctor | config-check`."""

from __future__ import annotations

import os
import signal
import sys
import time

from dotenv import dotenv_values
from sqlalchemy.engine import make_url

from launcher.folders import ROOT, state_folder

sys.path.insert(0, str(ROOT / "plugins"))

from core.database.url import database_url
from core.errors import ConfigurationError
from core.settings import Settings
from launcher import demo, doctor, processes
from launcher.airflow_secrets import USER, password
from launcher.guard import end_all
from launcher.migrate import upgrade
from launcher.ports import Ports, PortTaken
from launcher.postgres import EmbeddedServer, postmaster
from launcher.state import AlreadyRunning, State
from launcher.system import COLLECTED, StartFailed, System, say


def configured() -> dict[str, str]:
    """Return the settings of `.env` that are not blank."""
    return {name: value for name, value in dotenv_values(ROOT / ".env").items() if value}


def configured_database() -> str:
    """Return the PostgreSQL that `.env` or the environment names; empty for the embedded one."""
    try:
        url = database_url(Settings({**configured(), **os.environ}))
    except ConfigurationError as error:
        if "no database" in str(error):
            return ""
        raise StartFailed(str(error)) from None
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def run(*, sandbox: bool) -> int:
    """Start a system, collect once if it is the demo, and run until stopped."""
    began = time.monotonic()
    extra, url = ({}, "") if sandbox else (configured(), configured_database())
    say("Starting (nothing leaves this machine)" if sandbox else "Starting against the real services")
    system = System(state_folder(), Ports.from_environment(), sandbox=sandbox, extra=extra, database_url=url)
    status = 0
    try:
        system.start()
        say(f"  ready         after {time.monotonic() - began:.0f} s")
        if sandbox:
            good = demo.collect_once(system)
            say(demo.overview(system.database))
            status = 0 if good else 1
        say(f"\n  Airflow       http://localhost:{system.ports.web}")
        say(f"  login         {USER} / {password(system.state.folder)}")
        say(f"  state, logs   {system.state.folder}")
        if os.environ.get("BDC_EXIT_WHEN_DONE"):
            return status
        say("\nCtrl-C ends everything.")
        system.watch()
    except SystemExit:
        say("\nstopping")
    finally:
        if system.state.acquired:
            system.stop()
    return status


def down() -> int:
    """Stop the running launcher, or end the processes that a dead one left behind."""
    state = State(state_folder())
    facts = state.read()
    if state.is_held():
        os.kill(int(facts["launcher"]), signal.SIGTERM)
        deadline = time.monotonic() + 60
        while state.is_held() and time.monotonic() < deadline:
            time.sleep(0.2)
        say("stopped" if not state.is_held() else "the launcher does not stop; see its terminal")
        return int(state.is_held())
    left = facts.get("sessions", {})
    if any(processes.members(left.values())) or postmaster(state.folder / "pg"):
        end_all(state.folder, left)
        say("ended the processes that an earlier start left behind")
    else:
        say("nothing is running")
    state.forget()
    return 0


def status() -> int:
    """Print the running components and what is stored."""
    state = State(state_folder())
    if not state.is_held():
        say(f"nothing is running (state folder {state.folder}); start with `make demo` or `make up`")
        return 0
    facts = state.read()
    say(f"  Airflow       {facts['web']}, login {USER} / {password(state.folder)}")
    for name, session in facts.get("sessions", {}).items():
        count = sum(1 for _ in processes.members([session]))
        say(f"  {name:<13} {'up, ' + str(count) + ' processes' if count else 'DOWN'}")
    database = facts.get("database")
    if not database:
        server = EmbeddedServer(state.folder / "pg")
        server.start()
        database = server.url(COLLECTED)
    say(demo.overview(database))
    return 0


def migrate() -> int:
    """Migrate the database to the newest schema."""
    if url := configured_database():
        upgrade(url)
        say(f"{make_url(url).render_as_string(hide_password=True)} is at the newest schema")
        return 0
    server = EmbeddedServer(state_folder() / "pg")
    was_up = postmaster(server.folder) is not None
    server.start()
    try:
        server.ensure_database(COLLECTED)
        upgrade(server.url(COLLECTED))
    finally:
        if not was_up:
            server.stop()
    say("no DATABASE_URL is set; the embedded database is at the newest schema")
    return 0


COMMANDS = {
    "demo": lambda: run(sandbox=True),
    "up": lambda: run(sandbox=False),
    "down": down,
    "status": status,
    "migrate": migrate,
    "doctor": doctor.report,
    "config-check": doctor.config_check,
}


def main() -> int:
    """Run the command named on the command line."""
    if len(sys.argv) != 2 or sys.argv[1] not in COMMANDS:
        say(f"usage: python -m launcher {' | '.join(COMMANDS)}")
        return 2
    try:
        return COMMANDS[sys.argv[1]]()
    except (AlreadyRunning, PortTaken, StartFailed) as error:
        say(f"error: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
