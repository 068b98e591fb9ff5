"""What a collector works with: the connection that writes, progress, clock and settings."""

from __future__ import annotations

from core.clock import Clock, SystemClock
from core.database import Conn
from core.progress import Progress
from core.settings import Settings


class Session:
    """One run's surroundings, opened by its operator; whatever is left out is as usual.

    :param conn: a connection in autocommit; what belongs together says `with session.conn.transaction()`.
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
