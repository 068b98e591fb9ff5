"""How many requests an identity can send now, by what is stored about it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from core.budget.limits import Limits
from core.errors import ConfigurationError

PROBE = 1
"""While nobody knows whether a request would be accepted, one finds out."""
LOOK_AGAIN = 0.3
"""Seconds to wait for what another process may report at any moment."""
SHORTEST_WAIT = 0.1


@dataclass(frozen=True)
class QuotaState:
    """What is stored about one identity and resource; the columns of `core/read_availability.sql`.

    :param refusals: consecutive refusals by the source since it last accepted a request.
    :param trying: leases that were granted since the last refusal, and are live.
    :param slots_taken: requests that may be in flight, those of `slots_of_own` among them.
    :param slots_of_own: slots of leases that the caller ends; a new lease takes them over.
    """

    identity: str
    remaining: int | None
    quota: int | None
    until_reset: float | None
    blocked: float
    refusals: int
    trying: int
    slots_taken: int
    slots_of_own: int
    in_window: int
    window_frees: float


@dataclass(frozen=True)
class Availability:
    """How many requests an identity can send now, and what they may cost.

    :param share: the part of its limit that remains; the largest is used next, so that all drain evenly.
    """

    identity: str
    requests: int
    points: int
    slots: int
    share: float
    wait: float
    reason: str


def availability(state: QuotaState, limits: Limits, cost: int) -> Availability:
    """Return what one identity can send under each of the limits."""
    requests, points, waits = limits.block, max(limits.block * limits.cost, cost), []
    slots = limits.in_flight - state.slots_taken + state.slots_of_own
    if limits.in_flight <= state.slots_taken:
        waits.append((LOOK_AGAIN, f"{limits.in_flight} requests are in flight"))
    if limits.per_window:
        requests = min(requests, limits.per_window - state.in_window)
        if requests < 1:
            waits.append((state.window_frees, f"{limits.per_window} in {limits.window:g} s"))
    share = 1.0 - state.in_window / max(limits.per_window, 1)
    if limits.counts_quota and state.quota is not None:
        _require_possible(state, limits, cost)
    unknown = state.refusals > 0 or (limits.has_quota and state.remaining is None)
    if unknown:
        requests = min(requests, PROBE - state.trying)
        if requests < 1:
            waits.append((LOOK_AGAIN, "one request finds out whether the source accepts any"))
    if limits.counts_quota and state.remaining is not None:
        left = state.remaining - limits.reserve
        points = min(points, left)
        share = left / max((state.quota or left) - limits.reserve, 1)
        if left < cost:
            until = LOOK_AGAIN if state.until_reset is None else max(state.until_reset, SHORTEST_WAIT)
            waits.append((until, "the quota is used up except for the reserve"))
    if state.blocked > 0:
        waits.append((state.blocked, "the source asked to wait"))
    wait, reason = max(waits, default=(0.0, ""))
    able = 0 if waits else requests
    return Availability(state.identity, able, points, slots, share, wait, reason)


def _require_possible(state: QuotaState, limits: Limits, cost: int) -> None:
    """Refuse a reserve and a cost for which no reset would ever help."""
    quota = state.quota or 0
    if limits.reserve >= quota:
        raise ConfigurationError(
            f"the reserve of {limits.reserve:,} is as large as the quota of {state.identity} ({quota:,}), "
            "so nothing could ever be sent; lower the reserve"
        )
    if cost > quota - limits.reserve:
        raise ConfigurationError(
            f"a request that costs {cost:,} can never be sent: {state.identity} has a quota of {quota:,}, "
            f"of which {limits.reserve:,} are reserved"
        )
