"""The session of a collector: its database connection, progress, clock and settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import structlog

from core.clock import Clock, SystemClock
from core.database import Conn
from core.progress import Progress, UnitProgress
from core.settings import Settings
from core.text import one_line


class Session:
    """Everything that one run shares between its functions; its operator opens and closes it.

    :param conn: a connection in autocommit; changes that belong together need `session.conn.transaction()`.
    :param command: the collector's command, under whose name units are locked.
    :param connect: opens a connection for each unit that is collected beside others.
    :param side_by_side: how many units are collected at a time; more than one needs `connect`.
    :param run_key: what all tries of one run share until one succeeds, so that a refresh goes on.
    """

    def __init__(
        self,
        conn: Conn,
        *,
        clock: Clock | None = None,
        progress: Progress | None = None,
        settings: Settings | None = None,
        command: str = "",
        connect: Callable[[], Conn] | None = None,
        side_by_side: int = 1,
        run_key: str = "",
    ) -> None:
        self.conn = conn
        self.clock = clock or SystemClock()
        self.progress = progress or Progress(clock=self.clock)
        self.settings = settings or Settings()
        self.command = command or self.progress.collector or "collector"
        self.connect, self.side_by_side = connect, side_by_side if connect else 1
        self.run_key = run_key or uuid4().hex

    def unit(self, name: str, conn: Conn | None = None) -> UnitSession:
        """Return the session of one unit.

        :param conn: its own connection, if other units are collected at the same time.
        """
        progress = self.progress.unit(name)
        log = UnitLog(name)
        return UnitSession(name, conn or self.conn, self.clock, progress, self.settings, log, self.run_key)


class UnitLog:
    """The task's log, in which every line begins with the unit's name: lines of several units are mixed.

    A name or text with line breaks is shown as one line.
    """

    def __init__(self, unit: str) -> None:
        self._log = structlog.get_logger("collector")
        self._unit = unit

    def info(self, text: str, **fields: Any) -> None:
        """Log what somebody who watches the task wants to know."""
        self._log.info(one_line(f"{self._unit}: {text}"), **fields)

    def warning(self, text: str, **fields: Any) -> None:
        """Log what somebody should look at."""
        self._log.warning(one_line(f"{self._unit}: {text}"), **fields)

    def error(self, text: str, **fields: Any) -> None:
        """Log a failure."""
        self._log.error(one_line(f"{self._unit}: {text}"), **fields)


@dataclass(frozen=True)
class UnitSession:
    """The session of one list, channel or repository, which may be collected beside others."""

    name: str
    conn: Conn
    clock: Clock
    progress: UnitProgress
    settings: Settings
    log: UnitLog
    run_key: str
