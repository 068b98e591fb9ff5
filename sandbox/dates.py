"""The Date header, which the source's clock fills; it need not be right."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import formatdate

from sandbox.asgi import App, Message, Receive, Scope, Send


class Dated:
    """ASGI middleware that dates the answers that have no date.

    :param now: returns the source's time in seconds since 1970.
    """

    def __init__(self, app: App, now: Callable[[], float]) -> None:
        self.app, self.now = app, now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""

        async def send_dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", []))
                if all(name.lower() != b"date" for name, _ in headers):
                    headers.append((b"date", formatdate(self.now(), usegmt=True).encode()))
                message["headers"] = headers
            await send(message)

        await self.app(scope, receive, send_dated)
