"""Rate limits as services publish them; windows can be shortened, so that tests need not wait a minute.

Refused requests are counted: a client that respects the limits is never refused.
"""

from __future__ import annotations

import re
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b

from sandbox.asgi import App, Message, Receive, Scope, Send


@dataclass
class Limit:
    """Limits of requests whose path matches, counted for each identity (the owner of the token) separately.

    :param quota: requests per `window` seconds, reported in headers.
    :param quotas: the quota of identities for which it differs.
    :param per_stretch: requests in any `stretch` seconds; further ones are answered 429 with Retry-After.
    :param in_flight: concurrent requests.
    """

    path: str
    quota: int = 0
    window: float = 3600.0
    per_stretch: int = 0
    stretch: float = 60.0
    in_flight: int = 0
    quotas: dict[str, int] = field(default_factory=dict)
    now: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        self._pattern = re.compile(self.path)
        self.used: Counter[str] = Counter()
        self.served: Counter[str] = Counter()
        self.violations: Counter[str] = Counter()
        self.most_in_flight = 0
        self._resets: dict[str, float] = {}
        self._recent: dict[str, deque[float]] = {}
        self._in_flight_now: Counter[str] = Counter()

    def matches(self, path: str) -> bool:
        """Return whether this limit applies to a path."""
        return bool(self._pattern.search(path))

    def quota_of(self, identity: str) -> int:
        """Return how many requests an identity may send per window."""
        return self.quotas.get(identity, self.quota)

    def enter(self, identity: str) -> str:
        """Count a request; return the reason for refusing it, empty if it is accepted."""
        now = self.now()
        if now >= self._resets.get(identity, 0.0):
            self._resets[identity] = now + self.window
            self.used[identity] = 0
        recent = self._recent.setdefault(identity, deque())
        while recent and recent[0] <= now - self.stretch:
            recent.popleft()
        recent.append(now)
        self._in_flight_now[identity] += 1
        self.most_in_flight = max(self.most_in_flight, self._in_flight_now[identity])
        self.used[identity] += 1
        self.served[identity] += 1
        refused = ""
        if self.quota_of(identity) and self.used[identity] > self.quota_of(identity):
            refused = "quota"
        elif self.per_stretch and len(recent) > self.per_stretch:
            refused = "rate"
        elif self.in_flight and self._in_flight_now[identity] > self.in_flight:
            refused = "in flight"
        if refused:
            self.violations[refused] += 1
        return refused

    def leave(self, identity: str, *, free: bool) -> None:
        """Note that a request has ended; a `free` one (answered 304) does not count towards the quota."""
        self._in_flight_now[identity] -= 1
        if free:
            self.used[identity] -= 1

    def headers(self, identity: str) -> dict[str, str]:
        """Return the headers that report the quota; none if there is no quota."""
        quota = self.quota_of(identity)
        if not quota:
            return {}
        return {
            "x-ratelimit-limit": str(quota),
            "x-ratelimit-remaining": str(max(0, quota - self.used[identity])),
            "x-ratelimit-used": str(self.used[identity]),
            "x-ratelimit-reset": f"{self._resets[identity]:.3f}".removesuffix(".000"),
            "x-ratelimit-resource": "core",
        }

    def remaining(self, identity: str) -> int:
        """Return how many requests an identity has left in this window."""
        return self.quota_of(identity) - self.used[identity]


class Limiter:
    """ASGI middleware that enforces limits."""

    def __init__(self, app: App, limits: list[Limit]) -> None:
        self.app, self.limits = app, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, unless a limit refuses it."""
        limit = next((x for x in self.limits if scope["type"] == "http" and x.matches(scope["path"])), None)
        if limit is None:
            return await self.app(scope, receive, send)
        identity = identity_of(scope)
        refused = limit.enter(identity)
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                extra = limit.headers(identity)
                raw = [(name.encode(), value.encode()) for name, value in extra.items()]
                message["headers"] = [*message["headers"], *raw]
            await send(message)

        try:
            if refused:
                await refuse(limit, refused, send_with_headers)
            else:
                await self.app(scope, receive, send_with_headers)
        finally:
            limit.leave(identity, free=status == 304)


async def refuse(limit: Limit, reason: str, send: Send) -> None:
    """Answer as GitHub does: 403 for an exhausted quota, 429 for too many requests at once."""
    body = f'{{"message": "limit exceeded: {reason}"}}'.encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if reason != "quota":
        headers.append((b"retry-after", str(max(1, round(limit.stretch))).encode()))
    status = 403 if reason == "quota" else 429
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def identity_of(scope: Scope) -> str:
    """Return the sender of a request: the owner that a sandbox token names, else the token's digest."""
    for name, value in scope["headers"]:
        if name in (b"authorization", b"api-key"):
            token = value.decode("latin-1").rpartition(" ")[2]
            owner = token.partition("_of_")[2]
            return owner or blake2b(token.encode(), digest_size=4).hexdigest()
    return ""
