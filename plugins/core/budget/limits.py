"""What a source allows, and what its answers report about it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class Limits:
    """What a source allows one identity on one resource.

    :param in_flight: concurrent requests of all processes together.
    :param per_window: requests in any `window` seconds; 0 means no limit.
    :param has_quota: whether the source's answers report the remaining quota and its reset time.
    :param daily_quota: the quota of a calendar day in `time_zone`, for a source that reports none.
    :param reserve: part of the quota that is left to other users of the identity.
    :param cost: what a usual request costs of the quota.
    :param first_pause: seconds to wait if a refusal does not say how long; doubles up to `longest_pause`.
    :param block: requests per lease.
    :param slots_each: concurrent requests of one process.
    :param lease: seconds in which the requests of a lease may be started.
    :param longest_request: seconds after which no request of a lease can still be in flight.
    :param skew: seconds by which the source's clock may differ from the database's.
    """

    in_flight: int = 100
    per_window: int = 0
    window: float = 60.0
    has_quota: bool = False
    daily_quota: int = 0
    time_zone: str = "UTC"
    reserve: int = 0
    cost: int = 1
    first_pause: float = 60.0
    longest_pause: float = 900.0
    block: int = 25
    slots_each: int = 8
    lease: float = 10.0
    longest_request: float = 45.0
    skew: float = 2.0

    @property
    def counts_quota(self) -> bool:
        """Whether requests cost something of a quota."""
        return self.has_quota or self.daily_quota > 0


def limits_of(limits: Limits | Mapping[str, Limits], resource: str) -> Limits:
    """Return the limits of a resource."""
    if isinstance(limits, Limits):
        return limits
    if resource not in limits:
        raise ValueError(
            f"no limits are declared for the resource {resource!r}, only for {', '.join(limits)}"
        )
    return limits[resource]


@dataclass(frozen=True)
class QuotaReport:
    """What an answer reports about the quota of the identity that sent the request.

    :param reset_at: when the quota begins anew, by the source's clock; it identifies the window.
    :param resource: whose quota it is; empty if the answer does not say.
    :param answered_at: when the answer was sent, by the source's clock; None if it does not say.
    """

    quota: int
    remaining: int
    reset_at: datetime
    resource: str = ""
    answered_at: datetime | None = None


@dataclass(frozen=True)
class BucketReport:
    """What an answer says about the limit that it names.

    :param name: the id of the limit; empty if the answer names none.
    :param limit: requests per window.
    :param reset_after: seconds until the next window begins.
    :param reset_at: the same in seconds since 1970 on the source's clock; it identifies the window.
    :param scope: whom a refusal concerns: `user` and `shared` only the bucket, `global` every request of the
        identity, `address` every request of this machine.
    """

    name: str
    limit: int = 1
    remaining: int = 0
    reset_after: float = 0.0
    reset_at: float | None = None
    scope: str = ""

    @property
    def blocks_everything(self) -> bool:
        """Whether a refusal concerns all requests."""
        return self.scope in ("global", "address")


@dataclass(frozen=True)
class LimitReport:
    """What an answer says about limits, read from its status, headers and body.

    :param refused: the request was not executed, because a limit is reached.
    :param wait: for how many seconds the source asks the identity to wait; None if it does not say.
    :param cost: what the request cost of the quota; None if the answer does not say.
    :param bucket: the limit that the answer names, for sources that do.
    """

    quota: QuotaReport | None = None
    refused: bool = False
    wait: float | None = None
    cost: int | None = None
    bucket: BucketReport | None = None


class LimitReader(Protocol):
    """Reads what a source's answers say about its limits; each source has its own way."""

    def read(self, status: int, headers: Mapping[str, str], body: bytes) -> LimitReport:
        """Return what an answer says."""
