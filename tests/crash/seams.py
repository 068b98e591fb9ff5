"""Points at which a run can be made to fail: its database connections and a proxy in front of the services."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeVar

import psycopg

from core.errors import Stopped

T = TypeVar("T")


class Killed(BaseException):
    """Stands for a killed process: no handler catches it, nothing is cleaned up."""


@dataclass
class Seam:
    """Counts calls and fails at the k-th, before or after it takes effect.

    :param error: `Killed`, `Stopped`, or the error of a lost connection.
    :param lasting: after the first failure every later call fails too: the service is down.
    """

    fail_at: int = 0
    when: str = "before"
    error: type[BaseException] = Killed
    lasting: bool = False
    calls: int = 0
    failed: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def enter(self) -> int:
        """Count a call; return its number, or 0 if it must fail before it takes effect."""
        with self.lock:
            self.calls += 1
            if self.calls == self.fail_at and self.when == "before":
                self.failed = True
                return 0
            return 0 if self.lasting and self.failed else self.calls

    def leave(self, number: int) -> bool:
        """Return whether the call with this number must fail after it took effect."""
        if number == self.fail_at and self.when == "after":
            self.failed = True
            return True
        return False


class Process:
    """What dies as a whole: once it is killed, none of its connections and files can be used."""

    def __init__(self) -> None:
        self.dead = False
        self.connections: list[FaultyConnection] = []

    def open(self, url: str, seam: Seam) -> FaultyConnection:
        """Open a connection on which the seam counts from now on."""
        connection = FaultyConnection.connect(url, autocommit=True, cursor_factory=FaultyCursor)
        connection.seam, connection.process = seam, self
        self.connections.append(connection)
        return connection

    def opener(self, url: str, seam: Seam) -> Callable[[], FaultyConnection]:
        """Return what opens a connection; opening it is a call, too."""
        return lambda: self.guarded(seam, lambda: self.open(url, seam))

    def guarded(self, seam: Seam, effect: Callable[[], T], lose: Callable[[], None] = lambda: None) -> T:
        """Return what a call returns, or fail at it.

        :param lose: closes what is lost with the call.
        """
        number = self.begin(seam, lose)
        result = effect()
        self.end(seam, number, lose)
        return result

    def begin(self, seam: Seam, lose: Callable[[], None] = lambda: None) -> int:
        """Count a call and return its number, unless it fails before it takes effect."""
        if self.dead:
            raise Killed
        if not (number := seam.enter()):
            self._fail(seam, lose)
        return number

    def end(self, seam: Seam, number: int, lose: Callable[[], None] = lambda: None) -> None:
        """Fail if the call with this number fails after it took effect."""
        if seam.leave(number):
            self._fail(seam, lose)

    def _fail(self, seam: Seam, lose: Callable[[], None]) -> NoReturn:
        self.dead = self.dead or seam.error is Killed
        if seam.error is not Stopped:
            lose()
        raise seam.error("at a seam of the crash tests")

    def close(self) -> None:
        """Close all connections as the end of a process does: without a rollback."""
        for connection in self.connections:
            connection.pgconn.finish()


class FaultyCursor(psycopg.Cursor[Any]):
    def execute(self, *args: Any, **kwargs: Any) -> Any:
        connection: Any = self.connection
        return connection.guarded(lambda: super(FaultyCursor, self).execute(*args, **kwargs))

    @contextmanager
    def copy(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        connection: Any = self.connection
        number = connection.begin()
        with super().copy(*args, **kwargs) as copy:
            yield copy
        connection.end(number)


class FaultyConnection(psycopg.Connection[Any]):
    """A connection on which the k-th statement, COPY or commit fails."""

    seam: Seam
    process: Process

    def guarded(self, effect: Callable[[], T]) -> T:
        return self.process.guarded(self.seam, effect, self.pgconn.finish)

    def begin(self) -> int:
        return self.process.begin(self.seam, self.pgconn.finish)

    def end(self, number: int) -> None:
        self.process.end(self.seam, number, self.pgconn.finish)

    @contextmanager
    def transaction(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        with super().transaction(*args, **kwargs) as transaction:
            yield transaction
            number = self.begin()
        self.end(number)


def connect(url: str, seam: Seam) -> FaultyConnection:
    """Return the only connection of a process."""
    return Process().open(url, seam)


class Proxy:
    """Forwards HTTP requests; closes the connection at the k-th, before forwarding it or before answering it."""

    def __init__(self, target: str) -> None:
        host, _, port = target.removeprefix("http://").partition(":")
        self.target = (host, int(port))
        self.seam = Seam()
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
                seam = self.seam
                if not (number := seam.enter()):
                    return
                server.sendall(head)
                answer = _read_message(answers)
                if seam.leave(number):
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
