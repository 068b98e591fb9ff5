"""Limits as services publish them, with windows that can be scaled: a minute of limits is tested in a second.

Counts what it had to refuse: a client that keeps to the limits is never refused.
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
    """Limits of requests whose path matches, for each identity (who the token belongs to) on its own.

    :param quota: requests per `window` seconds, told in headers; by identity where that differs.
    :param per_stretch: requests in any `stretch` of seconds; more are answered by 429 with Retry-After.
    :param in_flight: requests at a time.
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
        self._flying: Counter[str] = Counter()

    def matches(self, path: str) -> bool:
        """Say whether a request is under this limit."""
        return bool(self._pattern.search(path))

    def quota_of(self, identity: str) -> int:
        """Return how many requests an identity has per window."""
        return self.quotas.get(identity, self.quota)

    def enter(self, identity: str) -> str:
        """Count a request; return why it is refused, if so."""
        now = self.now()
        if now >= self._resets.get(identity, 0.0):
            self._resets[identity] = now + self.window
            self.used[identity] = 0
        recent = self._recent.setdefault(identity, deque())
        while recent and recent[0] <= now - self.stretch:
            recent.popleft()
        recent.append(now)
        self._flying[identity] += 1
        self.most_in_flight = max(self.most_in_flight, self._flying[identity])
        self.used[identity] += 1
        self.served[identity] += 1
        refused = ""
        if self.quota_of(identity) and self.used[identity] > self.quota_of(identity):
            refused = "quota"
        elif self.per_stretch and len(recent) > self.per_stretch:
            refused = "rate"
        elif self.in_flight and self._flying[identity] > self.in_flight:
            refused = "in flight"
        if refused:
            self.violations[refused] += 1
        return refused

    def leave(self, identity: str, *, free: bool) -> None:
        """Note that a request ended; one that was answered by 304 costs nothing."""
        self._flying[identity] -= 1
        if free:
            self.used[identity] -= 1

    def headers(self, identity: str) -> dict[str, str]:
        """Return what answers tell."""
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
        """Return what an identity has left."""
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

        async def telling(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                told = limit.headers(identity)
                raw = [(name.encode(), value.encode()) for name, value in told.items()]
                message["headers"] = [*message["headers"], *raw]
            await send(message)

        try:
            if refused:
                await refuse(limit, refused, telling)
            else:
                await self.app(scope, receive, telling)
        finally:
            limit.leave(identity, free=status == 304)


async def refuse(limit: Limit, reason: str, send: Send) -> None:
    """Answer as GitHub does: an exhausted quota is a 403, too many at once a 429."""
    body = f'{{"message": "limit exceeded: {reason}"}}'.encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if reason != "quota":
        headers.append((b"retry-after", str(max(1, round(limit.stretch))).encode()))
    status = 403 if reason == "quota" else 429
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def identity_of(scope: Scope) -> str:
    """Return who asks: the last part of a token as the sandbox hands them out, or its digest."""
    for name, value in scope["headers"]:
        if name in (b"authorization", b"api-key"):
            token = value.decode("latin-1").rpartition(" ")[2]
            owner = token.partition("_of_")[2]
            return owner or blake2b(token.encode(), digest_size=4).hexdigest()
    return ""
