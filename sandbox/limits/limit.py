"""One rate limit and what was counted under it.

Refused requests are counted: a client that knows and respects the limits is never refused.
"""

from __future__ import annotations

import re
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.limits.refusals import REFUSALS


@dataclass
class Limit:
    """Limits of requests whose path matches, counted for each identity (the owner of the token) separately.

    :param path: a regular expression; if it has a group `major`, each value of it is counted separately.
    :param resource: what the service calls this limit.
    :param bucket: the id by which answers name this limit, as Discord's do; it may be changed.
    :param quota: requests (or points) per `window` seconds.
    :param quotas: the quota of identities for which it differs.
    :param aligned: windows begin at multiples of `window`, as calendar days do, not with the first request.
    :param reports: whether answers report the quota in headers.
    :param per_stretch: requests in any `stretch` seconds; a 304 counts, too.
    :param in_flight: concurrent requests.
    :param pause: seconds for which everything is refused after a refusal for `rate` or `in flight`.
    :param refusals: how each reason (`quota`, `rate`, `in flight`) is reported, by a name of `REFUSALS`.
    """

    path: str
    quota: int = 0
    window: float = 3600.0
    per_stretch: int = 0
    stretch: float = 60.0
    in_flight: int = 0
    quotas: dict[str, int] = field(default_factory=dict)
    resource: str = "core"
    aligned: bool = False
    reports: bool = True
    bucket: str = ""
    pause: float = 0.0
    refusals: dict[str, str] = field(default_factory=dict)
    now: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        self._pattern = re.compile(self.path)
        self.refusals = {"quota": "reset", "rate": "seconds", "in flight": "seconds"} | self.refusals
        if unknown := sorted(set(self.refusals.values()) - REFUSALS.keys()):
            raise ValueError(
                f"a refusal is reported as one of {', '.join(REFUSALS)}, not as {', '.join(unknown)}"
            )
        self.used: Counter[str] = Counter()
        self.served: Counter[str] = Counter()
        self.violations: Counter[str] = Counter()
        self.windows: Counter[str] = Counter()
        self.most_in_flight = 0
        self._resets: dict[str, float] = {}
        self._paused_until: dict[str, float] = {}
        self._recent: dict[str, deque[float]] = {}
        self._in_flight_now: Counter[str] = Counter()

    def matches(self, path: str) -> bool:
        """Return whether this limit applies to a path."""
        return bool(self._pattern.search(path))

    def holder(self, identity: str, path: str) -> str:
        """Return for whom a request is counted: an identity, or an identity at a channel or server."""
        found = self._pattern.search(path)
        major = found.groupdict().get("major") if found else None
        return f"{identity}/{major}" if major else identity

    @property
    def has_quota(self) -> bool:
        """Whether requests are counted against a quota, beside the limits of each moment."""
        return bool(self.quota or self.quotas)

    def quota_of(self, identity: str) -> int:
        """Return how many requests an identity may send per window."""
        return self.quotas.get(identity.partition("/")[0], self.quota)

    def remaining(self, identity: str) -> int:
        """Return how many requests an identity has left in this window."""
        return self.quota_of(identity) - self.used[identity]

    def enter(self, identity: str) -> str:
        """Count a request; return the reason for refusing it, empty if it is accepted."""
        now = self.now()
        self._begin_window(identity, now)
        recent = self._recent.setdefault(identity, deque())
        while recent and recent[0] <= now - self.stretch:
            recent.popleft()
        recent.append(now)
        self._in_flight_now[identity] += 1
        self.most_in_flight = max(self.most_in_flight, self._in_flight_now[identity])
        self.used[identity] += 1
        self.served[identity] += 1
        refused = self._refused(identity, now)
        if refused:
            self.violations[refused] += 1
            if self.pause and refused in ("rate", "in flight"):
                self._paused_until[identity] = now + self.pause
        return refused

    def charge(self, identity: str, cost: int) -> None:
        """Charge an answered request as costing so much of the quota instead of 1."""
        self.used[identity] += cost - 1

    def leave(self, identity: str) -> None:
        """Note that a request has ended."""
        self._in_flight_now[identity] -= 1

    def seconds_to_wait(self, identity: str, reason: str) -> float:
        """Return after how many seconds a refused request would be accepted."""
        now = self.now()
        if reason == "quota":
            return max(self._resets[identity] - now, 0.0)
        if reason == "paused":
            return self._paused_until[identity] - now
        return self.pause or self.stretch

    def headers(self, identity: str) -> dict[str, str]:
        """Return the headers that report the quota; none if there is none or it is not reported."""
        quota = self.quota_of(identity)
        if not quota or not self.reports:
            return {}
        if self.bucket:
            return self._headers_of_bucket(identity, quota)
        return {
            "x-ratelimit-limit": str(quota),
            "x-ratelimit-remaining": str(max(0, quota - self.used[identity])),
            "x-ratelimit-used": str(self.used[identity]),
            "x-ratelimit-reset": f"{self._resets[identity]:.3f}".removesuffix(".000"),
            "x-ratelimit-resource": self.resource,
        }

    def _headers_of_bucket(self, identity: str, quota: int) -> dict[str, str]:
        return {
            "x-ratelimit-bucket": self.bucket,
            "x-ratelimit-limit": str(quota),
            "x-ratelimit-remaining": str(max(0, quota - self.used[identity])),
            "x-ratelimit-reset": f"{self._resets[identity]:.3f}",
            "x-ratelimit-reset-after": f"{max(0.0, self._resets[identity] - self.now()):.3f}",
        }

    def _begin_window(self, identity: str, now: float) -> None:
        if now >= self._resets.get(identity, 0.0):
            begin = now - now % self.window if self.aligned else now
            self._resets[identity] = begin + self.window
            self.used[identity] = 0
            self.windows[identity] += 1

    def _refused(self, identity: str, now: float) -> str:
        quota = self.quota_of(identity)
        if now < self._paused_until.get(identity, 0.0):
            return "paused"
        if quota and self.used[identity] > quota:
            return "quota"
        if self.per_stretch and len(self._recent[identity]) > self.per_stretch:
            return "rate"
        if self.in_flight and self._in_flight_now[identity] > self.in_flight:
            return "in flight"
        return ""
