"""Grants leases on blocks of requests from PostgreSQL, over a separate connection.

A lease locks the rows of `core.rate_quota` only while it is granted, once per block. The block is subtracted
from the quota at once, so all processes together never send more than remains. All times are the database's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from threading import Lock

from core.budget import Lease, LeaseUse, Limits, Wait
from core.database import Conn, execute, fetch, fetch_one, scrubbed
from core.errors import DatabaseFailure, SourceUnavailable

LOCK_PATIENCE_MS = 5_000
LOCK_NOT_AVAILABLE = "55P03"
PROBE = 1
"""While nobody knows how much quota remains, one request finds out."""
SHORTEST_WAIT = 0.01
UNKNOWN_RESET = 0.3
"""Seconds to wait before looking again if the source has not reported when its quota is reset."""


@dataclass(frozen=True)
class QuotaState:
    """What is stored about one identity and resource; the columns of `core/read_availability.sql`."""

    identity: str
    remaining: int | None
    quota: int | None
    reset_at: datetime | None
    blocked: float
    slots_taken: int
    live: int
    in_window: int
    window_frees: float
    slot_frees: float


@dataclass(frozen=True)
class Availability:
    """How many requests an identity can send now.

    :param share: the part of its limit that remains; the largest is used next, so that all drain evenly.
    """

    identity: str
    available: int
    slots: int
    share: float
    wait: float
    reason: str


class RateLeases:
    """The leases of one source.

    :param connect: opens a connection that only the leases use.
    :param identities: what the source limits, such as the user of a token or a workspace; never a token.
    """

    def __init__(self, connect: Callable[[], Conn], identities: Sequence[str], limits: Limits) -> None:
        if not identities:
            raise ValueError("a rate budget needs at least one identity")
        self._connect, self._identities, self._limits = connect, sorted(set(identities)), limits
        self._conn: Conn | None = None
        self._lock = Lock()

    def take(self, resource: str, wanted: int, used: LeaseUse | None) -> Lease | Wait:
        """End the lease that was used, and grant a new one for the identity with the largest share left."""
        with self._transaction() as conn:
            now = self._lock_quotas(conn, resource)
            if used is not None:
                self._end(conn, resource, used)
            values = {"identities": self._identities, "resource": resource, "window": self._limits.window}
            states = fetch(conn, "core/read_availability", values, into=QuotaState)
            choices = [availability(state, self._limits, now) for state in states]
            able = [choice for choice in choices if choice.available > 0]
            if not able:
                soonest = min(choices, key=lambda choice: choice.wait)
                return Wait(max(soonest.wait, SHORTEST_WAIT), soonest.reason)
            return self._grant(conn, resource, wanted, max(able, key=lambda choice: choice.share))

    def give_back(self, resource: str, used: LeaseUse) -> None:
        """End a lease and return its unused requests to the quota."""
        with self._transaction() as conn:
            self._lock_quotas(conn, resource)
            self._end(conn, resource, used)

    def block(self, resource: str, identity: str, seconds: float) -> None:
        """Grant no lease for this identity for some time."""
        values = {"identity": identity, "resource": resource, "seconds": seconds}
        with self._transaction() as conn:
            execute(conn, "core/block_identity", values)

    def close(self) -> None:
        """Close the connection."""
        if self._conn is not None:
            self._conn.close()
            self._conn = None

    # -- inside a transaction --------------------------------------------------------------------------

    @contextmanager
    def _transaction(self) -> Iterator[Conn]:
        """Open the connection when it is first needed, and limit the time spent waiting for locks."""
        with self._lock, _as_unavailable():
            if self._conn is None or self._conn.closed:
                self._conn = self._connect()
            with self._conn.transaction():
                self._conn.execute(f"SET LOCAL lock_timeout = {LOCK_PATIENCE_MS}")
                yield self._conn

    def _lock_quotas(self, conn: Conn, resource: str) -> datetime:
        values = {"identities": self._identities, "resource": resource, "skew": self._limits.skew}
        rows = fetch(conn, "core/lock_quotas", values)
        if len(rows) < len(self._identities):
            # An identity is new, or the table was emptied.
            execute(conn, "core/add_quotas", values)
            rows = fetch(conn, "core/lock_quotas", values)
        moment: datetime = rows[0][1]
        return moment

    def _grant(self, conn: Conn, resource: str, wanted: int, chosen: Availability) -> Lease:
        granted = min(wanted, chosen.available)
        slots = min(chosen.slots, granted, self._limits.slots_each)
        values = {
            "identity": chosen.identity,
            "resource": resource,
            "granted": granted,
            "slots": slots,
            "seconds": self._limits.lease + self._limits.longest_request,
        }
        row = fetch_one(conn, "core/grant_lease", values)
        if row is None:
            raise RuntimeError("inserting into core.rate_lease returned no row")
        return Lease(row[0], chosen.identity, granted, slots)

    def _end(self, conn: Conn, resource: str, used: LeaseUse) -> None:
        """End a lease and return what it did not use; if the source reports less, its figure counts."""
        reported = used.quota
        execute(
            conn,
            "core/end_lease",
            {
                "id": used.lease.id,
                "identity": used.lease.identity,
                "resource": resource,
                "used": used.used,
                "unused": used.lease.granted - used.used,
                "quota": reported.quota if reported else None,
                "remaining": reported.remaining if reported else None,
                "reset_at": reported.reset_at if reported else None,
            },
        )


def availability(state: QuotaState, limits: Limits, now: datetime) -> Availability:
    """Return what one identity can send under each of the limits."""
    available, waits = limits.block, []
    slots = limits.in_flight - state.slots_taken
    if slots < 1:
        waits.append((state.slot_frees, f"{limits.in_flight} requests are in flight"))
    if limits.per_window:
        available = min(available, limits.per_window - state.in_window)
        if available < 1:
            waits.append((state.window_frees, f"{limits.per_window} in {limits.window:g} s"))
    share = 1.0 - state.in_window / max(limits.per_window, 1)
    if limits.has_quota:
        left = _left(state, limits)
        available = min(available, left)
        share = left / max((state.quota or left) - limits.reserve, 1)
        if left < 1:
            waits.append((_until(state.reset_at, now), "the quota is used up except for the reserve"))
    if state.blocked > 0:
        waits.append((state.blocked, "the source asked to wait"))
    wait, reason = max(waits, default=(0.0, ""))
    return Availability(state.identity, available if not waits else 0, slots, share, wait, reason)


def _left(state: QuotaState, limits: Limits) -> int:
    """Return how much of the quota can be granted."""
    return PROBE - state.live if state.remaining is None else state.remaining - limits.reserve


def _until(reset_at: datetime | None, now: datetime) -> float:
    return max((reset_at - now).total_seconds(), 0.1) if reset_at else UNKNOWN_RESET


@contextmanager
def _as_unavailable() -> Iterator[None]:
    """Raise `SourceUnavailable` if the budget's database fails, because nothing is sent without it."""
    try:
        with scrubbed():
            yield
    except DatabaseFailure as failure:
        if failure.sqlstate == LOCK_NOT_AVAILABLE:
            raise SourceUnavailable(
                "the rate budget was locked for too long; no request is sent without it",
                retry_after=5.0,
            ) from None
        raise SourceUnavailable(
            f"the rate budget cannot be reached in the database ({failure}); no request is sent without it"
        ) from None
