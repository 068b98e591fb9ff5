"""The loop of every collector over its units (lists, channels, repositories), several at a time.

A failing unit is recorded and the next one follows; at the end the task fails and names those that failed.
A limit that is reached ends the loop, because it would meet every other unit, too. Each unit has one writer
at a time: one that another task works on is left out, and the task is retried for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from contextvars import copy_context

import structlog

from core.database import Conn
from core.errors import (
    CollectorBusy,
    CollectorFailureCategory,
    UnitsFailed,
    classify_failure,
    safe_message,
)
from core.locks import collector_lock
from core.progress import duration
from core.protocols import Collected
from core.session import Session, UnitSession
from core.text import one_line

log = structlog.get_logger("collector")
Work = Callable[[UnitSession], None]


def collect_units(
    session: Session,
    names: Iterable[str],
    work: Work,
    *,
    noun: str = "units",
    shown_first: tuple[str, ...] = ("new", "updated"),
    one_by_one: bool = False,
) -> Collected:
    """Call `work` with the session of each unit; raise at the end if some units failed or were busy.

    :param noun: what the units are called in the log: `lists`, `repositories`.
    :param shown_first: counts that the lines about a unit and the run begin with, even if they are zero.
    :param one_by_one: whether units cannot be collected side by side.
    """
    units = tuple(dict.fromkeys(names))
    session.progress.shown_first = shown_first
    session.progress.expect_units(len(units), noun)
    loop = _Loop(session, units, work)
    workers = 1 if one_by_one else min(session.side_by_side, len(units))
    if workers > 1:
        loop.run_side_by_side(workers)
    else:
        loop.run(session.conn)
    loop.raise_failures()
    return Collected(counts=dict(session.progress.counts))


class _Loop:
    """The units that are still to be collected, and what failed."""

    def __init__(self, session: Session, units: tuple[str, ...], work: Work) -> None:
        self._session, self._units, self._work = session, units, work
        self._waiting = iter(units)
        self._tried = 0
        self._failures: dict[str, BaseException] = {}
        self._fatal: BaseException | None = None
        self._ended = False
        self._folds = True
        self._lock = threading.Lock()

    def run(self, conn: Conn) -> None:
        """Collect one unit after the other."""
        while (name := self._next()) is not None:
            self._collect(self._session.unit(name, conn))

    def run_side_by_side(self, workers: int) -> None:
        """Collect several units at a time, each worker over its own connection.

        The threads are daemons: if the task is stopped, it ends without waiting for requests under way.
        """
        self._folds = False  # Folded groups of several units would interleave.
        conns: list[Conn] = []
        threads = [
            threading.Thread(target=copy_context().run, args=(self._worker, conns), name="unit", daemon=True)
            for _ in range(workers)
        ]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        except BaseException:  # a stop is a KeyboardInterrupt; it ends the threads, and goes on below
            self._end()
            for conn in conns:
                with suppress(Exception):  # It may be gone already; the reason is under way.
                    conn.cancel_safe()
            raise
        if self._fatal is not None:
            raise self._fatal

    def raise_failures(self) -> None:
        """Raise one error about all units that failed or were busy."""
        failures = {name: self._failures[name] for name in self._units if name in self._failures}
        if not failures:
            return
        if all(isinstance(error, CollectorBusy) for error in failures.values()):
            raise CollectorBusy(
                f"another task is collecting {one_line(', '.join(failures))}; the others are stored; "
                "will retry in a minute"
            )
        categories = {name: classify_failure(error) for name, error in failures.items()}
        not_tried = len(self._units) - self._tried
        raise UnitsFailed(failures, categories, len(self._units), not_tried=not_tried)

    def _worker(self, conns: list[Conn]) -> None:
        try:
            connect = self._session.connect
            if connect is None:
                raise TypeError("units that are collected side by side need connections of their own")
            with connect() as conn:
                conns.append(conn)
                self.run(conn)
        except BaseException as error:
            # The thread that waits for this one raises it.
            with self._lock:
                self._fatal = self._fatal or error
            self._end()

    def _end(self) -> None:
        """Let all units end at their next step."""
        self._ended = True
        self._session.progress.ended.set()

    def _next(self) -> str | None:
        with self._lock:
            name = None if self._ended else next(self._waiting, None)
            self._tried += name is not None
            return name

    def _collect(self, unit: UnitSession) -> None:
        """Collect a unit and log its outcome; raise only if the database is lost."""
        started = unit.clock.monotonic()
        error: Exception | None = None
        # The UI folds a unit's log lines; the line about its outcome follows outside, always visible.
        self._fold(f"::group::{one_line(unit.name)}")
        try:
            with collector_lock(unit.conn, self._session.command, unit.name):
                self._work(unit)
        except Exception as raised:
            if unit.conn.closed or unit.conn.broken:
                raise
            error = raised
        finally:
            unit.progress.finish()
        self._fold("::endgroup::")
        if self._session.progress.ended.is_set():
            return  # Why the run has ended is reported elsewhere; that units end with it is no failure.
        if error is not None:
            self._failed(unit, error)
        else:
            unit.log.info(f"{unit.progress.summary()}, {duration(unit.clock.monotonic() - started)}")

    def _fold(self, line: str) -> None:
        if self._folds:
            log.info(line)

    def _failed(self, unit: UnitSession, error: Exception) -> None:
        category = classify_failure(error)
        with self._lock:
            self._failures[unit.name] = error
            self._ended = self._ended or category is CollectorFailureCategory.RATE_LIMIT
        unit.log.error(
            safe_message(error),
            collector=self._session.command,
            collector_phase="collect",
            failure_category=str(category),
            exc_info=error
            if category is CollectorFailureCategory.UNKNOWN and not isinstance(error, CollectorBusy)
            else None,
        )
