"""What must hold of the rate budget's tables, whatever became of the processes that held leases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from core.budget import Limits
from core.database import Conn
from sandbox.limits import Limit


def live_leases(conn: Conn) -> list[tuple[str, int]]:
    """Return identity and slots of the leases that nobody else can have the slots of."""
    return conn.execute(
        "SELECT identity, slots FROM core.rate_lease WHERE ended_at IS NULL AND expires_at > clock_timestamp()"
    ).fetchall()


def leases_that_last_too_long(conn: Conn, limits: Mapping[str, Limits]) -> list[tuple[str, float]]:
    """Return resource and seconds of leases that expire later than their limits say."""
    rows = conn.execute(
        "SELECT resource, extract(epoch FROM expires_at - granted_at)::float8 FROM core.rate_lease"
    ).fetchall()
    return [row for row in rows if row[1] > limits[row[0]].lease + limits[row[0]].longest_request + 0.01]


def books_above_the_source(conn: Conn, limits: Iterable[Limit]) -> list[tuple[str, int, int]]:
    """Return identity, our figure and the source's where ours is greater: we would send too much."""
    counted = {limit.resource: limit for limit in limits if limit.has_quota}
    rows = conn.execute(
        "SELECT identity, resource, remaining FROM core.rate_quota WHERE remaining IS NOT NULL"
    ).fetchall()
    figures = [
        (name, ours, counted[resource].remaining(name.rpartition(":")[2])) for name, resource, ours in rows
    ]
    return [(name, ours, left) for name, ours, left in figures if ours > left]
