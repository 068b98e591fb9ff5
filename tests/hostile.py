"""A server that answers whatever a test wants, as slowly as it wants."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Hostile:
    """A server that answers each connection with the given bytes, pausing after each."""

    def __init__(self, *parts: bytes, pause: float = 0.0) -> None:
        self.parts, self.pause = parts, pause
        self.received: list[bytes] = []

    @contextmanager
    def serve(self) -> Iterator[str]:
        ended = threading.Event()
        with socket.create_server(("127.0.0.1", 0)) as server:

            def answer() -> None:
                while not ended.is_set():
                    try:
                        connection, _ = server.accept()
                    except OSError:
                        return
                    with connection, suppress(OSError):
                        self.received.append(_whole(connection))
                        for part in self.parts:
                            connection.sendall(part)
                            ended.wait(self.pause)

            thread = threading.Thread(target=answer)
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.getsockname()[1]}"
            finally:
                ended.set()
                server.shutdown(socket.SHUT_RDWR)
                thread.join()


def _whole(connection: socket.socket) -> bytes:
    """Read a request with its body."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    length = next((int(x[15:]) for x in head.split(b"\r\n") if x.startswith(b"Content-Length")), 0)
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def answer_of(body: bytes, *headers: str) -> bytes:
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body
