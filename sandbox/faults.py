"""Faults on demand: errors, delays, truncated or wrong bodies. The client needs no changes for them."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field

from sandbox.asgi import App, Message, Receive, Scope, Send

KINDS = ("status", "delay", "truncate", "body")


class Truncated(Exception):
    """Aborts a response halfway; the server then closes the connection."""


@dataclass
class Fault:
    """What happens to requests whose path (with query) matches.

    :param kind: `status` answers with that status; `delay` waits first; `truncate` sends half of the body
        and closes the connection; `body` replaces the body and keeps status 200.
    :param times: the number of requests affected; 0 means all.
    :param after: the number of matching requests that pass before the first one is affected.
    """

    path: str
    kind: str = "status"
    status: int = 500
    seconds: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    content_type: str = "text/plain"
    times: int = 0
    after: int = 0
    hits: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}")
        self._pattern = re.compile(self.path)

    def affects(self, target: str) -> bool:
        """Return whether this request is affected; count it if it matches."""
        if not self._pattern.search(target):
            return False
        self.hits += 1
        return self.hits > self.after and (not self.times or self.hits <= self.after + self.times)


class Faults:
    """ASGI middleware that applies faults to requests."""

    def __init__(self, app: App, faults: list[Fault]) -> None:
        self.app = app
        self.faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, unless a fault affects it."""
        if scope["type"] != "http" or scope["path"].startswith("/_sandbox"):
            return await self.app(scope, receive, send)
        query = scope.get("query_string", b"").decode()
        target = scope["path"] + (f"?{query}" if query else "")
        for fault in self.faults:
            if fault.affects(target):
                if fault.kind == "delay":
                    await asyncio.sleep(fault.seconds)
                    continue
                return await self._apply(fault, scope, receive, send)
        return await self.app(scope, receive, send)

    async def _apply(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        if fault.kind == "truncate":
            return await self.app(scope, receive, _truncating(send))
        body = fault.body.encode()
        headers = {
            "content-type": fault.content_type,
            "content-length": str(len(body)),
            **{name.lower(): value for name, value in fault.headers.items()},
        }
        status = 200 if fault.kind == "body" else fault.status
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": body})


def _truncating(send: Send) -> Send:
    async def send_half(message: Message) -> None:
        if message["type"] != "http.response.body":
            return await send(message)
        body = message.get("body", b"")
        await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
        raise Truncated

    return send_half
