"""A server of canned answers, light enough that it does not limit what is measured.

It lists units with three streams each, by key, with `Link`, quotas and validators per token; an answer takes
a fixed time. `python -m benchmarks.canned` takes its configuration as JSON and prints its port.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sandbox.limits import Limit


@dataclass(frozen=True)
class Canned:
    """What the server serves.

    :param items: of each stream, one item per key.
    :param per_page: how many of them an answer holds at most.
    :param quotas: by owner; a token is `<anything>_of_<owner>`.
    """

    items: int = 30
    per_page: int = 100
    seconds: float = 0.05
    in_flight: int = 8
    window: float = 3600.0
    quotas: tuple[tuple[str, int], ...] = ()


class Server:
    def __init__(self, config: Canned) -> None:
        self.config = config
        self.limit = Limit(
            "/", quotas=dict(config.quotas), window=config.window, in_flight=config.in_flight, pause=0.5
        )
        self.asked: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()

    def begin(self, head: str) -> tuple[float, bytes, str]:
        """Return how long a request takes, the answer, and the owner under whom it counts."""
        target = head.split(" ", 2)[1]
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head.split("\r\n")[1:])
        }
        if target.startswith("/_stats"):
            return 0.0, self._answer(200, json.dumps(self.stats()).encode()), ""
        owner = headers.get("authorization", "").rpartition("_of_")[2]
        if owner and (reason := self.limit.enter(owner)):
            status = 403 if reason == "quota" else 429
            more = self.limit.headers(owner)
            if reason != "quota":
                more |= {"Retry-After": "1"}
            self.statuses[status] += 1
            return 0.0, self._answer(status, b'{"message": "API rate limit exceeded"}', more), owner
        status, body, more = self._page(target, headers)
        if owner and status == 304:
            self.limit.charge(owner, 0)
        self.asked[f"{owner} {target}"] += status == 200
        self.statuses[status] += 1
        more |= self.limit.headers(owner) if owner else {}
        return self.config.seconds, self._answer(status, body, more), owner

    def end(self, owner: str) -> None:
        if owner:
            self.limit.leave(owner)

    def stats(self) -> dict[str, Any]:
        pages = Counter(key.partition(" ")[2] for key in self.asked.elements())
        return {
            "statuses": self.statuses,
            "violations": self.limit.violations,
            "windows": self.limit.windows,
            "used": self.limit.used,
            "pages": len(pages),
            "twice": sum(number - 1 for number in pages.values()),
        }

    def _page(self, target: str, headers: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
        parts = urlsplit(target)
        since = int(parse_qs(parts.query).get("since", ["0"])[0])
        keys = range(since, min(since + self.config.per_page, self.config.items))
        body = json.dumps(
            [{"id": str(key), "key": f"{key:09}", "text": f"{parts.path} {key}"} for key in keys]
        ).encode()
        etag = '"' + sha256(headers.get("authorization", "").encode() + body).hexdigest() + '"'
        if headers.get("if-none-match") == etag:
            return 304, b"", {"ETag": etag}
        more = {"ETag": etag}
        if since + self.config.per_page < self.config.items:
            more["Link"] = f'<{parts.path}?since={since}&page=2>; rel="next"'
        return 200, body, more

    @staticmethod
    def _answer(status: int, body: bytes, headers: dict[str, str] | None = None) -> bytes:
        lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", "Content-Type: application/json"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        return "\r\n".join([*lines, "", ""]).encode() + body


class Connection(asyncio.Protocol):
    """One connection, which has one request under way at a time."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.received = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        if b"\r\n\r\n" in self.received:
            head, _, self.received = self.received.partition(b"\r\n\r\n")
            seconds, answer, owner = self.server.begin(head.decode("latin-1"))
            asyncio.get_running_loop().call_later(seconds, self._answer, answer, owner)

    def _answer(self, answer: bytes, owner: str) -> None:
        self.server.end(owner)
        if not self.transport.is_closing():
            self.transport.write(answer)


def as_argument(config: Canned) -> str:
    return json.dumps(asdict(config))


async def serve(config: Canned) -> None:
    server = Server(config)
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(lambda: Connection(server), "127.0.0.1", 0)
    print(listening.sockets[0].getsockname()[1], flush=True)
    await listening.serve_forever()


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    given["quotas"] = tuple(map(tuple, given["quotas"]))
    asyncio.run(serve(Canned(**given)))
