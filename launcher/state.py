"""The state folder of a running system: its lock, and the sessions that belong to the system."""

from __future__ import annotations

import fcntl
import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

GUARD_PATIENCE = 40.0


class AlreadyRunning(Exception):
    """Another launcher holds the state folder."""


@dataclass
class State:
    """The state folder, its locks and the file that describes the running system."""

    folder: Path
    sessions: dict[str, int] = field(default_factory=dict)
    _locks: list[IO[str]] = field(default_factory=list)

    @property
    def logs(self) -> Path:
        """Folder of the components' own logs."""
        return self.folder / "logs" / "components"

    @property
    def _file(self) -> Path:
        return self.folder / "system.json"

    def acquire(self) -> None:
        """Lock the folder. The lock ends with this process, so it never becomes stale."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = (self.folder / "lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise AlreadyRunning(
                f"a system is already running in {self.folder}; see `make status`, stop it with `make down`"
            ) from None
        self._locks.append(lock)

    @property
    def acquired(self) -> bool:
        """Whether this process holds the folder."""
        return bool(self._locks)

    def is_held(self) -> bool:
        """Return whether a running launcher holds the lock."""
        if not (self.folder / "lock").exists():
            return False
        with (self.folder / "lock").open("r+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return True
        return False

    def hold_guard(self) -> None:
        """Make the next launcher wait until this process, the guard, has ended."""
        lock = (self.folder / "guard.lock").open("w")
        fcntl.flock(lock, fcntl.LOCK_EX)
        self._locks.append(lock)

    def await_guard(self) -> None:
        """Wait until the guard of a killed launcher has ended its components."""
        with (self.folder / "guard.lock").open("a") as lock:
            deadline = time.monotonic() + GUARD_PATIENCE
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return
                except OSError:
                    if time.monotonic() > deadline:
                        return
                    time.sleep(0.2)

    def write(self, **facts: Any) -> None:
        """Write the sessions and the other facts that `status` shows."""
        text = json.dumps({"launcher": os.getpid(), "sessions": self.sessions, **facts}, indent=2)
        temporary = self._file.with_suffix(".tmp")
        temporary.touch(mode=0o600)
        temporary.write_text(text)
        temporary.replace(self._file)

    def read(self) -> dict[str, Any]:
        """Return what `write` stored; empty if there is nothing."""
        try:
            found: dict[str, Any] = json.loads(self._file.read_text())
        except (OSError, ValueError):
            return {}
        return found

    def forget(self) -> None:
        """Delete what `write` stored: nothing runs any more."""
        self._file.unlink(missing_ok=True)
