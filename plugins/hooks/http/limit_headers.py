"""Reads what answers say about limits, as GitHub and many other services say it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from core.budget import LimitReport, QuotaReport
from core.clock import Clock, SystemClock
from core.errors.tree import LONGEST_WAIT
from hooks.http.failures import answered_at, retry_after

LARGEST = 2**31 - 1
"""What the budget's tables hold; no service has such a quota."""
BEGINNING = 2_000
"""Bytes of a body in which a sentence about limits is looked for."""


@dataclass(frozen=True)
class RateLimitHeaders:
    """`X-RateLimit-Limit`, `-Remaining`, `-Reset` (seconds since 1970), `Retry-After`, and sentences.

    A 403 is a limit only if something says so. A secondary limit may say it in a sentence alone, and a
    primary one by its reset time alone. A 304 costs nothing. Times are counted from the answer's `Date`: our
    clock or the source's may be wrong.
    """

    clock: Clock = field(default_factory=SystemClock)

    def read(self, status: int, headers: Mapping[str, str], body: bytes) -> LimitReport:
        """Return what an answer says."""
        quota = self.quota(headers)
        if not self._refused(status, headers, body, quota):
            return LimitReport(quota, cost=0 if status == 304 else None)
        now = self.clock.now()
        wait = retry_after(headers, body, now)
        if not wait and quota and quota.remaining == 0:
            wait = max(0.0, (quota.reset_at - (quota.answered_at or now)).total_seconds())
        return LimitReport(quota, refused=True, wait=wait)

    def quota(self, headers: Mapping[str, str]) -> QuotaReport | None:
        """Return the remaining quota, if the answer reports it; no reset is believed to be far away.

        An answer out of a cache, which has an `Age`, reports the quota of somebody else or of earlier.
        """
        if headers.get("Age", "0") != "0":
            return None
        sent = answered_at(headers)
        try:
            latest = (sent or self.clock.now()) + timedelta(seconds=LONGEST_WAIT)
            quota, remaining = int(headers["X-RateLimit-Limit"]), int(headers["X-RateLimit-Remaining"])
            reset_at = datetime.fromtimestamp(float(headers["X-RateLimit-Reset"]), UTC)
        except (KeyError, ValueError, OverflowError, OSError):
            return None
        if not 0 < quota <= LARGEST or not 0 <= remaining <= LARGEST:
            return None
        resource = headers.get("X-RateLimit-Resource", "")
        return QuotaReport(quota, remaining, min(reset_at, latest), resource, sent)

    @staticmethod
    def _refused(status: int, headers: Mapping[str, str], body: bytes, quota: QuotaReport | None) -> bool:
        if status == 403:
            text = body[:BEGINNING].lower()
            named = "Retry-After" in headers or b"rate limit" in text or b"abuse" in text
            return named or (quota is not None and quota.remaining == 0)
        return status == 429
