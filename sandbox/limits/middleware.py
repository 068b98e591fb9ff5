"""ASGI middleware that enforces the limits of a world."""

from __future__ import annotations

from hashlib import blake2b

from sandbox.asgi import App, Message, Receive, Scope, Send
from sandbox.limits.limit import Limit
from sandbox.limits.refusals import REFUSALS, Refusal

COST = b"x-sandbox-cost"
"""Header in which a route says what its answer costs; it does not leave the sandbox."""


class Limiter:
    """Counts each request under the limits that apply to it, and refuses it if one is exceeded.

    A request belongs to one resource: of several limits with a quota the first one counts.
    """

    def __init__(self, app: App, limits: list[Limit]) -> None:
        self.app, self.limits = app, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, unless a limit refuses it. A 304 costs nothing of a quota."""
        matching = [x for x in self.limits if scope["type"] == "http" and x.matches(scope["path"])]
        resource = next((limit for limit in matching if limit.has_quota), None)
        applied = [limit for limit in matching if limit is resource or not limit.has_quota]
        if not applied:
            return await self.app(scope, receive, send)
        identity = identity_of(scope)
        holders = [(limit, limit.holder(identity, scope["path"])) for limit in applied]
        reasons = [(limit, holder, limit.enter(holder)) for limit, holder in holders]
        refusing = next((found for found in reasons if found[2]), None)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [pair for pair in message["headers"] if pair[0] != COST]
                cost = dict(message["headers"]).get(COST, b"1")
                for limit, holder in holders:
                    limit.charge(holder, 0 if message["status"] == 304 else int(cost))
                    reported = limit.headers(holder)
                    headers += [(name.encode(), value.encode()) for name, value in reported.items()]
                message["headers"] = headers
            await send(message)

        try:
            if refusing:
                limit, holder, reason = refusing
                way = limit.refusals["rate" if reason == "paused" else reason]
                await refuse(REFUSALS[way](limit.seconds_to_wait(holder, reason)), send_with_headers)
            else:
                await self.app(scope, receive, send_with_headers)
        finally:
            for limit, holder in holders:
                limit.leave(holder)


async def refuse(refusal: Refusal, send: Send) -> None:
    """Send a refusal."""
    body = refusal.body.encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers += [(name.encode(), value.encode()) for name, value in refusal.headers.items()]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def identity_of(scope: Scope) -> str:
    """Return the sender of a request: the owner that a sandbox token names, else the token's digest.

    `first_of_ada` and `second_of_ada` are two tokens of one owner.
    """
    for name, value in scope["headers"]:
        if name in (b"authorization", b"api-key"):
            token = value.decode("latin-1").rpartition(" ")[2]
            owner: str = token.partition("_of_")[2]
            return owner or blake2b(token.encode(), digest_size=4).hexdigest()
    return ""
