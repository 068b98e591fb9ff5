"""The session of a collector: its database connection, progress, clock and settings."""

from __future__ import annotations

from core.clock import Clock, SystemClock
from core.database import Conn
from core.progress import Progress
from core.settings import Settings


class Session:
    """Everything that one run shares between its functions; its operator opens and closes it.

    :param conn: a connection in autocommit; changes that belong together need `session.conn.transaction()`.
    """

    def __init__(
        self,
        conn: Conn,
        *,
        clock: Clock | None = None,
        progress: Progress | None = None,
        settings: Settings | None = None,
    ) -> None:
        self.conn = conn
        self.clock = clock or SystemClock()
        self.progress = progress or Progress(clock=self.clock)
        self.settings = settings or Settings()
