"""Reads the headers in which services report their limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from core.budget import QuotaReport
from core.clock import Clock, SystemClock
from hooks.http.failures import limit_exhausted, retry_after


@dataclass(frozen=True)
class RateLimitHeaders:
    """`X-RateLimit-Limit`, `-Remaining`, `-Reset` (seconds since 1970), as GitHub and others send them."""

    clock: Clock = field(default_factory=SystemClock)

    def quota(self, headers: Mapping[str, str]) -> QuotaReport | None:
        """Return the remaining quota, if the answer reports it."""
        try:
            quota, remaining = int(headers["X-RateLimit-Limit"]), int(headers["X-RateLimit-Remaining"])
            reset_at = datetime.fromtimestamp(float(headers["X-RateLimit-Reset"]), UTC)
        except (KeyError, ValueError, OverflowError):
            return None
        return QuotaReport(quota, remaining, reset_at)

    def pause(self, status: int, headers: Mapping[str, str]) -> float | None:
        """Return for how long the source asks all requests to wait, beyond what the quota shows."""
        if status != 429 and not (status == 403 and limit_exhausted(headers)):
            return None
        return retry_after(headers, b"", self.clock.now())
