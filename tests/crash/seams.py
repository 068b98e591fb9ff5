"""Two points at which a run can be made to fail: the database connection and a proxy in front of the service."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg

T = TypeVar("T")


class Killed(BaseException):
    """Stands for a killed process: no handler catches it, nothing is cleaned up."""


@dataclass
class Seam:
    """Counts calls and fails at the k-th, before or after it takes effect.

    :param lasting: after the first failure every later call fails too: the service is down.
    """

    fail_at: int = 0
    when: str = "before"
    lasting: bool = False
    calls: int = 0
    failed: bool = False

    def enter(self) -> bool:
        """Count a call; return whether it must fail before it takes effect."""
        self.calls += 1
        if self.lasting and self.failed:
            return True
        if self.calls == self.fail_at and self.when == "before":
            self.failed = True
        return self.failed and self.calls >= self.fail_at > 0 and self.when == "before"

    def leave(self, number: int) -> bool:
        """Return whether the call with this number must fail after it took effect."""
        if number == self.fail_at and self.when == "after":
            self.failed = True
            return True
        return False


class FaultyCursor(psycopg.Cursor[Any]):
    def execute(self, *args: Any, **kwargs: Any) -> Any:
        connection: Any = self.connection
        return connection.guarded(lambda: super(FaultyCursor, self).execute(*args, **kwargs))

    @contextmanager
    def copy(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        connection: Any = self.connection
        connection.before()
        number = connection.seam.calls
        with super().copy(*args, **kwargs) as copy:
            yield copy
        connection.after(number)


class FaultyConnection(psycopg.Connection[Any]):
    """A connection on which the k-th statement, COPY or commit kills the process."""

    seam: Seam

    def guarded(self, effect: Callable[[], T]) -> T:
        self.before()
        number = self.seam.calls
        result = effect()
        self.after(number)
        return result

    def before(self) -> None:
        if self.seam.enter():
            self._die()

    def after(self, number: int) -> None:
        if self.seam.leave(number):
            self._die()

    @contextmanager
    def transaction(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        with super().transaction(*args, **kwargs) as transaction:
            yield transaction
            self.before()
            number = self.seam.calls
        self.after(number)

    def _die(self) -> None:
        self.pgconn.finish()
        raise Killed


def connect(url: str, seam: Seam) -> FaultyConnection:
    connection = FaultyConnection.connect(url, autocommit=True, cursor_factory=FaultyCursor)
    connection.seam = seam
    return connection


class Proxy:
    """Forwards HTTP requests; closes the connection at the k-th, before forwarding it or before answering it."""

    def __init__(self, target: str) -> None:
        host, _, port = target.removeprefix("http://").partition(":")
        self.target = (host, int(port))
        self.seam = Seam()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        self._listener.close()
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads from it; close() does not
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._open.append(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError), client, socket.create_connection(self.target) as server:
            requests, answers = client.makefile("rb"), server.makefile("rb")
            while head := _read_message(requests):
                with self._lock:
                    refuse = self.seam.enter()
                    number = self.seam.calls
                if refuse:
                    return
                server.sendall(head)
                answer = _read_message(answers)
                with self._lock:
                    hang_up = self.seam.leave(number)
                if hang_up:
                    return
                client.sendall(answer)


def _head(stream: Any) -> bytes:
    lines = b""
    while (line := stream.readline()) not in (b"\r\n", b""):
        lines += line
    return lines + b"\r\n" if lines else b""


def _read_message(stream: Any) -> bytes:
    """Read a request or an answer with its body, if it has one."""
    head = _head(stream)
    lines = head.lower().split(b"\r\n")
    length = next((int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length")), 0)
    return head + stream.read(length) if length else head
