"""Ends all components if the launcher dies: `python -m launcher.guard <state folder>`.

The launcher writes to our standard input. End of file without a preceding `done` means that it was killed or
that its terminal was closed.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from launcher.postgres import stop_server
from launcher.processes import end
from launcher.state import State


def main() -> None:
    """Read sessions until the launcher writes `done` or dies; in the latter case end them."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    state = State(Path(sys.argv[1]))
    state.hold_guard()
    sessions: dict[str, int] = {}
    for line in sys.stdin:
        name, _, session = line.strip().partition(" ")
        if name == "done":
            return
        sessions[name] = int(session)
    end_all(state.folder, sessions)
    state.forget()


def end_all(folder: Path, sessions: dict[str, int]) -> None:
    """End the components, the api-server last (tasks report their end to it), then the database."""
    last = {"api-server", "sandbox"}
    end([pid for name, pid in sessions.items() if name not in last])
    end([pid for name, pid in sessions.items() if name in last], patience=5)
    stop_server(folder / "pg")


if __name__ == "__main__":
    main()
