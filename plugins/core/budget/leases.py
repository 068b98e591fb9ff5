"""Grants leases on blocks of requests from PostgreSQL, over a separate connection.

A lease locks the rows of `core.rate_quota` only while it is granted, once per block. The block is subtracted
from the quota at once, so all processes together never send more than remains. All times are the database's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any, Protocol

from psycopg import Cursor

from core.budget.availability import Availability, QuotaState, availability
from core.budget.limits import LimitReport, Limits, QuotaReport, limits_of
from core.database import Conn, execute, fetch, fetch_one, scrubbed
from core.errors import ConfigurationError, DatabaseFailure, SourceUnavailable
from core.sql import sql

LOCK_PATIENCE_MS = 5_000
CLOCK_TOLERANCE = 60.0
"""Seconds by which a source's clock may seem to be off because its answers take their time."""
LOCK_NOT_AVAILABLE = "55P03"
KEPT = 3600.0
"""Seconds for which leases are kept after their end, at least; a window may be longer."""


@dataclass(frozen=True)
class Lease:
    """The permission to send a block of requests as one identity.

    :param requests: how many requests may be sent.
    :param points: what they may cost of the quota together.
    :param slots: how many of them may be in flight at a time.
    """

    id: int
    identity: str
    requests: int
    points: int
    slots: int


@dataclass(frozen=True)
class Wait:
    """No request can be sent now.

    :param seconds: how long to wait before asking for a lease again.
    """

    seconds: float
    reason: str


@dataclass(frozen=True)
class LeaseUse:
    """How much of a lease was used, and what answers reported meanwhile. It may be reported again.

    :param in_flight: requests that have not ended yet; the lease keeps as many slots.
    :param accepted: whether the source executed any request.
    :param quota_age: seconds since the quota was reported.
    """

    lease: Lease
    requests: int
    points: int
    in_flight: int = 0
    accepted: bool = False
    quota: QuotaReport | None = None
    quota_age: float = 0.0


class Leases(Protocol):
    """Grants leases: the part of the budget that is in the database."""

    def take(self, resource: str, cost: int, used: Sequence[LeaseUse], identity: str = "") -> Lease | Wait:
        """End the leases that were used, and grant a new one in which a request of this cost fits."""

    def give_back(self, resource: str, used: Sequence[LeaseUse]) -> None:
        """End leases, so that others can have the requests that were not used."""

    def block(self, resource: str, lease: Lease, report: LimitReport) -> None:
        """Stop all processes from using an identity for some time, because the source refused it."""

    def exclude(self, identity: str) -> bool:
        """Stop using an identity; False if it is the last one."""

    def close(self) -> None:
        """Close what the leases opened."""


class RateLeases:
    """The leases of one source.

    :param connect: opens a connection that only the leases use.
    :param identities: what the source limits, such as the user of a token or a workspace; never a token.
    :param limits: of all resources, or by resource.
    """

    def __init__(
        self,
        connect: Callable[[], Conn],
        identities: Sequence[str],
        limits: Limits | Mapping[str, Limits],
    ) -> None:
        if not identities:
            raise ValueError("a rate budget needs at least one identity")
        self._connect, self._identities, self._limits = connect, sorted(set(identities)), limits
        self._conn: Conn | None = None
        self._lock = Lock()

    def take(self, resource: str, cost: int, used: Sequence[LeaseUse], identity: str = "") -> Lease | Wait:
        """End the leases that were used, and grant one for the identity with the largest share left."""
        limits = self._limits_of(resource)
        with self._transaction() as conn:
            locked = self._lock_quotas(conn, resource, limits)
            self._end(conn, resource, used)
            ending = [use.lease.id for use in used if use.in_flight]
            states = self._read(conn, resource, limits, ending)
            if locked.rowcount < len(self._identities):
                # An identity is new, or the table was emptied. What was read may be newer than the lock.
                execute(conn, "core/add_quotas", {"identities": self._identities, "resource": resource})
                self._lock_quotas(conn, resource, limits)
                states = self._read(conn, resource, limits, ending)
            among = [s for s in states if s.identity == identity] or states
            choices = _choices(among, limits, cost)
            able = [choice for choice in choices if choice.requests > 0]
            if not able:
                soonest = min(choices, key=lambda choice: choice.wait)
                return Wait(soonest.wait, soonest.reason)
            chosen = max(able, key=lambda choice: choice.share)
            return self._grant(conn, resource, limits, chosen, ending)

    def give_back(self, resource: str, used: Sequence[LeaseUse]) -> None:
        """End leases and return their unused requests to the quota."""
        with self._transaction() as conn:
            self._lock_quotas(conn, resource, self._limits_of(resource))
            self._end(conn, resource, used)

    def block(self, resource: str, lease: Lease, report: LimitReport) -> None:
        """Grant no lease for this identity for as long as the source asks, or twice as long as last time."""
        limits = self._limits_of(resource)
        values = {
            "identity": lease.identity,
            "resource": resource,
            "lease": lease.id,
            "wait": report.wait,
            "first": limits.first_pause,
            "longest": limits.longest_pause,
        }
        with self._transaction() as conn:
            execute(conn, "core/block_identity", values)

    def close(self) -> None:
        """Close the connection; it is opened again when it is needed."""
        with self._lock:
            if self._conn is not None:
                self._conn.close()
                self._conn = None

    def exclude(self, identity: str) -> bool:
        """Grant no more leases to an identity; False if it is the last one."""
        with self._lock:
            others = [name for name in self._identities if name != identity]
            if not others:
                return False
            self._identities = others
            return True

    def _limits_of(self, resource: str) -> Limits:
        return limits_of(self._limits, resource)

    # -- inside a transaction --------------------------------------------------------------------------

    @contextmanager
    def _transaction(self) -> Iterator[Conn]:
        """Open the connection when it is first needed, and limit the time spent waiting for locks.

        Statements whose answer nobody reads yet are sent with the next one, since all processes wait
        for the one that holds the locks.
        """
        with self._lock, _as_unavailable():
            if self._conn is None or self._conn.closed:
                self._conn = self._connect()
                # The same few statements run again and again; planning them costs more than running them.
                self._conn.execute(
                    f"SET lock_timeout = {LOCK_PATIENCE_MS}; SET plan_cache_mode = force_generic_plan"
                )
            with self._conn.pipeline(), self._conn.transaction():
                yield self._conn

    def _lock_quotas(self, conn: Conn, resource: str, limits: Limits) -> Cursor[Any]:
        """Lock the quotas of all identities; the cursor tells how many there are with the next answer."""
        values = {
            "identities": self._identities,
            "resource": resource,
            "skew": limits.skew,
            "daily_quota": limits.daily_quota or None,
            "time_zone": limits.time_zone,
        }
        return conn.execute(sql("core/lock_quotas"), values)

    def _read(self, conn: Conn, resource: str, limits: Limits, ending: list[int]) -> list[QuotaState]:
        values = {
            "identities": self._identities,
            "resource": resource,
            "window": limits.window if limits.per_window else 0.0,
            "ending": ending,
        }
        return fetch(conn, "core/read_availability", values, into=QuotaState)

    def _grant(
        self, conn: Conn, resource: str, limits: Limits, chosen: Availability, ending: list[int]
    ) -> Lease:
        slots = min(chosen.slots, limits.slots_each)
        values = {
            "identity": chosen.identity,
            "resource": resource,
            "requests": chosen.requests,
            "points": chosen.points,
            "slots": slots,
            "ending": ending,
            "seconds": limits.lease + limits.longest_request,
            "kept": max(limits.window, KEPT),
        }
        row = fetch_one(conn, "core/grant_lease", values)
        if row is None:
            raise RuntimeError("inserting into core.rate_lease returned no row")
        return Lease(row[0], chosen.identity, chosen.requests, chosen.points, slots)

    def _end(self, conn: Conn, resource: str, used: Sequence[LeaseUse]) -> None:
        """Report what was used of leases; if the source reports less than we know, its figure counts."""
        if not used:
            return
        columns: dict[str, list[Any]] = {
            "ids": [use.lease.id for use in used],
            "identities": [use.lease.identity for use in used],
            "requests": [use.requests for use in used],
            "points": [use.points for use in used],
            "in_flight": [use.in_flight for use in used],
            "accepted": [use.accepted for use in used],
            "quotas": [use.quota.quota if use.quota else None for use in used],
            "remaining": [use.quota.remaining if use.quota else None for use in used],
            "resets": [use.quota.reset_at if use.quota else None for use in used],
            "answers": [use.quota.answered_at if use.quota else None for use in used],
            "ages": [use.quota_age for use in used],
        }
        execute(conn, "core/end_leases", columns | {"resource": resource, "tolerance": CLOCK_TOLERANCE})


def _choices(states: list[QuotaState], limits: Limits, cost: int) -> list[Availability]:
    """Return what each identity can send; fail only if none could ever send anything."""
    found, impossible = [], []
    for state in states:
        try:
            found.append(availability(state, limits, cost))
        except ConfigurationError as error:
            impossible.append(error)
    if not found:
        raise impossible[0]
    return found


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
