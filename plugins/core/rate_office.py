"""Gives out blocks of requests, in PostgreSQL, over a connection of its own.

An identity's row of `core.rate_quota` is locked while a block is given, once in twenty-five requests. What is
given is subtracted at once, so all holders together never send more than is there. Time is the database's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any

import psycopg
from psycopg.rows import dict_row

from core.budget import Lease, Limits, Report, Wait
from core.database import Conn, scrubbed
from core.errors import DatabaseFailure, SourceUnavailable
from core.sql import sql

LOCK_PATIENCE_MS = 5_000
PROBE = 1
"""While nobody knows how much is left, one request finds out."""


@dataclass(frozen=True)
class Standing:
    """What an identity could give now."""

    identity: str
    available: int
    slots: int
    share: float
    """How much is left of what it has: the fullest is taken next, so that all drain evenly."""
    wait: float
    reason: str


class RateOffice:
    """The desk of one source.

    :param connect: opens a connection of its own.
    :param identities: who is limited: the user behind a token, a workspace; never a token itself.
    """

    def __init__(self, connect: Callable[[], Conn], identities: Sequence[str], limits: Limits) -> None:
        if not identities:
            raise ValueError("a budget needs at least one identity")
        self._connect, self._identities, self._limits = connect, sorted(set(identities)), limits
        self._conn: Conn | None = None
        self._lock = Lock()

    def take(self, resource: str, wanted: int, report: Report | None) -> Lease | Wait:
        """Give a block in the name of whoever has most left; end the lease reported on."""
        with self._transaction() as conn:
            now = self._locked(conn, resource)
            if report is not None:
                self._end(conn, resource, report)
            standings = self._standings(conn, resource, now)
            able = [standing for standing in standings if standing.available > 0]
            if not able:
                soonest = min(standings, key=lambda s: s.wait)
                return Wait(max(soonest.wait, 0.01), soonest.reason)
            best = max(able, key=lambda s: s.share)
            granted = min(wanted, best.available)
            slots = min(best.slots, granted, self._limits.slots_each)
            values = {
                "identity": best.identity,
                "resource": resource,
                "granted": granted,
                "slots": slots,
                "seconds": self._limits.lease + self._limits.longest_request,
            }
            row = conn.execute(sql("core/grant_lease"), values).fetchone()
        if row is None:
            raise RuntimeError("core.rate_lease took no row")
        return Lease(row[0], best.identity, granted, slots)

    def give_back(self, resource: str, report: Report) -> None:
        """End a lease."""
        with self._transaction() as conn:
            self._locked(conn, resource)
            self._end(conn, resource, report)

    def block(self, resource: str, identity: str, seconds: float) -> None:
        """Have everybody wait who would ask in this identity's name."""
        values = {"identity": identity, "resource": resource, "seconds": seconds}
        with self._transaction() as conn:
            conn.execute(sql("core/block_identity"), values)

    def close(self) -> None:
        """Let go of the connection."""
        if self._conn is not None:
            self._conn.close()
            self._conn = None

    # -- inside a transaction --------------------------------------------------------------------------

    def _transaction(self) -> Any:
        return _Transaction(self)

    def _locked(self, conn: Conn, resource: str) -> datetime:
        values = {"identities": self._identities, "resource": resource, "skew": self._limits.skew}
        rows = conn.execute(sql("core/lock_quotas"), values).fetchall()
        if len(rows) < len(self._identities):
            # An identity is new, or somebody emptied the table.
            conn.execute(sql("core/add_quotas"), values)
            rows = conn.execute(sql("core/lock_quotas"), values).fetchall()
        moment: datetime = rows[0][1]
        return moment

    def _end(self, conn: Conn, resource: str, report: Report) -> None:
        """End a lease: give back what it did not use; where the source tells less, it is right."""
        told = report.told
        conn.execute(
            sql("core/end_lease"),
            {
                "id": report.lease.id,
                "identity": report.lease.identity,
                "resource": resource,
                "used": report.used,
                "unused": report.lease.granted - report.used,
                "quota": told.quota if told else None,
                "told": told.remaining if told else None,
                "reset_at": told.reset_at if told else None,
            },
        )

    def _standings(self, conn: Conn, resource: str, now: datetime) -> list[Standing]:
        values = {"identities": self._identities, "resource": resource, "window": self._limits.window}
        with conn.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(sql("core/standings"), values).fetchall()
        return [self._standing(row, now) for row in rows]

    def _standing(self, row: dict[str, Any], now: datetime) -> Standing:
        """Judge one identity by each of the limits."""
        limits = self._limits
        available, waits = limits.block, []
        slots = limits.in_flight - row["slots_taken"]
        if slots < 1:
            waits.append((row["slot_frees"], f"{limits.in_flight} requests are in flight"))
        if limits.per_window:
            available = min(available, limits.per_window - row["in_window"])
            if available < 1:
                waits.append((row["window_frees"], f"{limits.per_window} in {limits.window:g} s"))
        share = 1.0 - row["in_window"] / max(limits.per_window, 1)
        if limits.has_quota:
            left = self._left(row)
            available = min(available, left)
            share = left / max((row["quota"] or left) - limits.reserve, 1)
            if left < 1:
                waits.append((_until(row["reset_at"], now), "the quota is drained to the reserve"))
        if row["blocked"] > 0:
            available = 0
            waits.append((row["blocked"], "the source asked everybody to wait"))
        wait, reason = max(waits, default=(0.0, ""))
        return Standing(row["identity"], available if not waits else 0, slots, share, wait, reason)

    def _left(self, row: dict[str, Any]) -> int:
        """Return what may be given of the quota; while nobody knows it, one request finds out."""
        if row["remaining"] is None:
            return PROBE - int(row["live"])
        return int(row["remaining"]) - self._limits.reserve


def _until(reset_at: datetime | None, now: datetime) -> float:
    return max((reset_at - now).total_seconds(), 0.1) if reset_at else 0.3


class _Transaction:
    """Opens the connection when first needed, bounds waiting for locks, and tells what went wrong."""

    def __init__(self, office: RateOffice) -> None:
        self._office = office

    def __enter__(self) -> Conn:
        office = self._office
        office._lock.acquire()
        try:
            if office._conn is None or office._conn.closed:
                office._conn = office._connect()
            self._inner = office._conn.transaction()
            self._inner.__enter__()
            office._conn.execute(f"SET LOCAL lock_timeout = {LOCK_PATIENCE_MS}")
        except BaseException as error:
            office._lock.release()
            raise self._told(error) from None
        return office._conn

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        try:
            self._inner.__exit__(kind, error, trace)
        except psycopg.Error as lost:
            raise self._told(lost) from None
        finally:
            self._office._lock.release()
        if isinstance(error, psycopg.Error):
            raise self._told(error) from None

    def _told(self, error: BaseException) -> BaseException:
        if isinstance(error, psycopg.errors.LockNotAvailable):
            return SourceUnavailable("the rate budget is locked; nothing is sent without it", retry_after=5.0)
        if not isinstance(error, psycopg.Error):
            return error
        try:
            with scrubbed():
                raise error
        except DatabaseFailure as failure:
            return SourceUnavailable(
                f"the rate budget cannot be reached ({failure}); nothing is sent without it"
            )
