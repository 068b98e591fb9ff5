"""Which error an HTTP answer stands for, by its status, headers and body. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Any

from core.dates import ensure_aware_utc
from core.errors import (
    AuthenticationError,
    CollectorError,
    NotFound,
    RateLimited,
    RequestRefused,
    SourceUnavailable,
)
from core.errors.tree import LONGEST_WAIT

DEFAULT_WAIT = 10.0
"""No quota is renewed later than after a day; a service that names a longer time is mistaken."""
SMALL_BODY = 10_000


def answered_at(headers: Mapping[str, str]) -> datetime | None:
    """Return when an answer was sent, by the source's clock, from which its other times are to be counted."""
    return _moment(headers.get("Date") or "")


def retry_after(headers: Mapping[str, str], body: bytes, now: datetime) -> float | None:
    """Read how long to wait: `Retry-After` as seconds or as a date, else a field of a JSON body.

    :param now: by our clock, which counts if the answer has no date.
    """
    now = answered_at(headers) or now
    header = (headers.get("Retry-After") or "").strip()
    if header:
        return _seconds(header, now)
    fields = json_object(body)
    named = next((name for name in ("retry_after", "retry-after") if name in fields), None)
    return None if named is None else _seconds(str(fields[named]), now)


def json_object(body: bytes) -> Mapping[str, Any]:
    """Return the fields of a small JSON object; none for any other body."""
    if len(body) > SMALL_BODY:
        return {}
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def _seconds(value: str, now: datetime) -> float | None:
    """Return the seconds that a value means; None for what no service can mean, such as infinity."""
    try:
        seconds = float(value)
    except ValueError:
        if (moment := _moment(value)) is None:
            return None
        seconds = (moment - now).total_seconds()
    return min(max(0.0, seconds), LONGEST_WAIT) if isfinite(seconds) else None


def _moment(value: str) -> datetime | None:
    """Return the time that a header gives; None if it cannot be read."""
    try:
        return ensure_aware_utc(parsedate_to_datetime(value))
    except (ValueError, OverflowError):
        return None


def rate_limited(what: str, status: int, wait: float | None) -> RateLimited:
    """Return the error of a request that was refused because of a limit.

    :param wait: seconds until a repetition makes sense; None if nobody knows.
    """
    seconds = DEFAULT_WAIT if wait is None else wait
    return RateLimited(
        f"{what}: rate limited ({status}), free in {seconds:.0f} s", retry_after=seconds, guessed=wait is None
    )


class TokenRefused(AuthenticationError):
    """The source does not accept a token (401): it is wrong, revoked or expired."""

    def __init__(self, what: str, token: str, identity: str) -> None:
        super().__init__(f"{what}: refused (401); check the Connection's credentials and access")
        self.token, self.identity = token, identity


def failure_of(
    status: int, headers: Mapping[str, str], body: bytes, what: str, now: datetime
) -> CollectorError:
    """Return the error that an answer with a status of 400 or more stands for."""
    wait = retry_after(headers, body, now)
    if status == 429:
        return rate_limited(what, status, wait)
    if status in (401, 403):
        return AuthenticationError(
            f"{what}: refused ({status}); check the Connection's credentials and access"
        )
    if status in (404, 410):
        return NotFound(f"{what}: not found ({status})")
    if status in (408, 504):
        return SourceUnavailable(f"{what}: the source timed out ({status})", timed_out=True, retry_after=wait)
    if status >= 500:
        return SourceUnavailable(f"{what}: the source failed ({status})", retry_after=wait, status=status)
    return RequestRefused(f"{what}: refused ({status})", status=status)


def foreign_failure(
    status: int, headers: Mapping[str, str], body: bytes, what: str, now: datetime
) -> CollectorError:
    """Return the error in an answer of a host that got no credentials: it says nothing about ours."""
    if status in (401, 403):
        return RequestRefused(f"{what}: refused ({status}); a signed link may have expired", status=status)
    if status == 429:
        wait = retry_after(headers, body, now)
        return SourceUnavailable(f"{what}: asked to wait ({status})", retry_after=wait, status=status)
    return failure_of(status, headers, body, what, now)
