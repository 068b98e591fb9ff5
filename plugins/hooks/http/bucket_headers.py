"""Reads limits that answers name, as Discord's do with `X-RateLimit-Bucket`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import isfinite

from core.budget import BucketReport, LimitReport
from core.clock import Clock, SystemClock
from core.errors.tree import LONGEST_WAIT
from hooks.http.failures import answered_at, json_object, retry_after

BAN = 60.0
"""Seconds to wait at least if the proxy in front of the source refuses our address."""


@dataclass(frozen=True)
class BucketHeaders:
    """A 429 is a refusal by one bucket, or by everything if body or headers say so.

    Body and header may give different times; the longer one counts. A 429 that did not come from the service
    itself (no JSON, no `Via`) is a ban of this machine's address.
    """

    clock: Clock = field(default_factory=SystemClock)

    def read(self, status: int, headers: Mapping[str, str], body: bytes) -> LimitReport:
        """Return what an answer says."""
        bucket = _bucket(headers)
        if status != 429:
            return LimitReport(bucket=bucket)
        now = answered_at(headers) or self.clock.now()
        waits = [retry_after(headers, b"", now), retry_after({}, body, now)]
        wait = max((each for each in waits if each is not None), default=None)
        scope = _scope(headers, body)
        if scope == "address":
            wait = max(BAN, wait or 0.0)
        bucket = replace(bucket or BucketReport(""), scope=scope)
        return LimitReport(refused=True, wait=wait, bucket=bucket)


def _bucket(headers: Mapping[str, str]) -> BucketReport | None:
    """Return the bucket that an answer names, if its figures can be meant."""
    name = headers.get("X-RateLimit-Bucket", "")
    size, left, after = (_number(headers, part) for part in ("Limit", "Remaining", "Reset-After"))
    if not name or not size or left is None or after is None:
        return None
    return BucketReport(name, int(size), int(left), min(after, LONGEST_WAIT), _number(headers, "Reset"))


def _scope(headers: Mapping[str, str], body: bytes) -> str:
    """Return whom a refusal concerns."""
    fields = json_object(body)
    if not fields and "Via" not in headers:
        return "address"
    if fields.get("global") is True or headers.get("X-RateLimit-Global", "").lower() == "true":
        return "global"
    return headers.get("X-RateLimit-Scope", "user")


def _number(headers: Mapping[str, str], part: str) -> float | None:
    """Return a figure; None for what no source can mean."""
    try:
        found = float(headers[f"X-RateLimit-{part}"])
    except (KeyError, ValueError):
        return None
    return found if isfinite(found) and found >= 0 else None
