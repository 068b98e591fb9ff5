"""The ways in which services report that a limit is reached. No two agree, and some say almost nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from math import ceil


@dataclass(frozen=True)
class Refusal:
    """An answer that refuses a request."""

    status: int
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)


def _message(text: str) -> str:
    return json.dumps({"message": text})


TOO_MANY = _message("Too many requests.")
SECONDARY = _message("You have exceeded a secondary rate limit. Please wait before you try again.")


def _reset(wait: float) -> Refusal:
    """Give nothing: only the quota's own headers say when it begins anew, as with GitHub's primary limit."""
    return Refusal(403, _message("API rate limit exceeded."))


def _seconds(wait: float) -> Refusal:
    """Give whole seconds, the first form that HTTP knows."""
    return Refusal(429, TOO_MANY, {"retry-after": str(max(1, ceil(wait)))})


def _date(wait: float) -> Refusal:
    """Give a date, the second form that HTTP knows."""
    free = datetime.now(UTC) + timedelta(seconds=ceil(wait))
    return Refusal(429, TOO_MANY, {"retry-after": format_datetime(free, usegmt=True)})


def _silent(wait: float) -> Refusal:
    """Give nothing but a text, which alone distinguishes GitHub's secondary limit from missing access."""
    return Refusal(403, SECONDARY)


def _absurd(wait: float) -> Refusal:
    """Give a number that no service can mean."""
    return Refusal(429, TOO_MANY, {"retry-after": "1000000000"})


def _infinite(wait: float) -> Refusal:
    """Give a value that Python, but not HTTP, takes for a number."""
    return Refusal(429, TOO_MANY, {"retry-after": "inf"})


def _body(wait: float) -> Refusal:
    """Give seconds with a fraction in the body, rounded up in the header, as Discord does."""
    text = json.dumps(
        {"message": "You are being rate limited.", "retry_after": round(wait, 3), "global": False}
    )
    return Refusal(429, text, {"retry-after": str(max(1, ceil(wait)))})


def _scoped(scope: str) -> Callable[[float], Refusal]:
    """Return how Discord refuses: the scope tells whether a bucket, a channel or everything has to wait."""

    def refusal(wait: float) -> Refusal:
        text = {
            "message": "You are being rate limited.",
            "retry_after": round(wait, 3),
            "global": scope == "global",
            "code": 0,
        }
        headers = {"retry-after": str(max(1, ceil(wait))), "x-ratelimit-scope": scope, "via": "1.1 google"}
        if scope == "global":
            headers["x-ratelimit-global"] = "true"
        return Refusal(429, json.dumps(text), headers)

    return refusal


def _banned(wait: float) -> Refusal:
    """Refuse as the proxy in front of Discord does once an address sent too many invalid requests."""
    page = "<html><title>Access denied</title>error code: 1015</html>"
    return Refusal(429, page, {"retry-after": str(max(1, ceil(wait)))})


def _not_ok(wait: float) -> Refusal:
    """Answer 200 as Web APIs do that put their errors into the body."""
    headers = {"retry-after": str(max(1, ceil(wait)))}
    return Refusal(200, json.dumps({"ok": False, "error": "ratelimited"}), headers)


def _errors(wait: float) -> Refusal:
    """Answer 200 with errors, as GraphQL does; only the quota's headers say when it begins anew."""
    error = {"type": "RATE_LIMITED", "message": "API rate limit exceeded."}
    return Refusal(200, json.dumps({"errors": [error]}))


REFUSALS: Mapping[str, Callable[[float], Refusal]] = {
    "reset": _reset,
    "seconds": _seconds,
    "date": _date,
    "silent": _silent,
    "absurd": _absurd,
    "infinite": _infinite,
    "body": _body,
    "user": _scoped("user"),
    "shared": _scoped("shared"),
    "global": _scoped("global"),
    "banned": _banned,
    "not ok": _not_ok,
    "errors": _errors,
}
"""By name; each takes the seconds after which a request would be accepted."""
