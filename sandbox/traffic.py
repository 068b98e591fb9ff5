"""Counts the requests that each service received."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from threading import Lock

from sandbox.asgi import App, Receive, Scope, Send

KEPT = 20_000
"""The number of recent requests that are remembered."""


@dataclass
class Traffic:
    """The number of requests per service, and the most recent requests in order."""

    counts: Counter[str] = field(default_factory=Counter)
    recent: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT))
    lock: Lock = field(default_factory=Lock, repr=False)

    def note(self, service: str, method: str, path: str, query: str) -> None:
        """Count and remember a request."""
        with self.lock:
            self.counts[service] += 1
            self.recent.append(f"{method} {path}{'?' + query if query else ''}")

    def clear(self) -> None:
        """Reset the counts and forget all requests."""
        with self.lock:
            self.counts.clear()
            self.recent.clear()


class Counting:
    """ASGI middleware that counts all requests, including those that fail."""

    def __init__(self, app: App, traffic: Traffic) -> None:
        self.app = app
        self.traffic = traffic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count a request and pass it on."""
        if scope["type"] == "http":
            service = scope["path"].split("/")[1]
            if service != "_sandbox":
                self.traffic.note(service, scope["method"], scope["path"], scope["query_string"].decode())
        await self.app(scope, receive, send)
