"""Ends requests that take too long as a whole.

The time-outs of sockets begin anew with every byte, so a server that sends one byte a second would hold a
request for ever. One thread per client watches all its requests and shuts down the socket of an overdue one;
whoever reads from it then gets an end or an error at once.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from core.clock import SystemClock

DEADLINE = 40.0
"""Seconds that a whole answer may take; less than the longest request that a lease allows for."""


@dataclass(eq=False)
class Watch:
    """A request under way.

    :param began: when it began, on the monotonic clock.
    :param ends: when it is overdue.
    """

    began: float
    ends: float
    sock: socket.socket | None = None
    overdue: bool = False
    closed: bool = False

    def end(self) -> None:
        """Wake whoever reads from the socket."""
        self.overdue = True
        if self.sock is not None:
            with suppress(OSError):  # It was closed meanwhile.
                self.sock.shutdown(socket.SHUT_RDWR)


class _Thread(threading.local):
    """The request that this thread has under way."""

    watch: Watch | None = None


_thread = _Thread()


class _Watched(HTTPConnection):
    """A connection that tells the request under way which socket it uses.

    It forgets the socket itself when the server announces that it will close it.
    """

    def connect(self) -> None:
        """Open a socket."""
        super().connect()
        self._tell()

    def putrequest(self, *args: Any, **options: Any) -> None:
        """Begin a request."""
        self._tell()
        super().putrequest(*args, **options)

    def _tell(self) -> None:
        if _thread.watch is not None:
            _thread.watch.sock = self.sock
            if _thread.watch.overdue:
                _thread.watch.end()


class _SecurelyWatched(_Watched, HTTPSConnection):
    """The same with TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Watched


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecurelyWatched


POOLS = {"http": _Pool, "https": _SecurePool}


class WatchedAdapter(HTTPAdapter):
    """Sends requests over connections that `Deadlines` can end."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Make the pools of connections."""
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = POOLS

    def proxy_manager_for(self, *args: Any, **options: Any) -> Any:
        """Make the pools of connections to a proxy."""
        manager = super().proxy_manager_for(*args, **options)
        manager.pool_classes_by_scheme = POOLS
        return manager


class Deadlines:
    """Watches the requests of a client. The thread starts with the first request and ends with `close`."""

    def __init__(self) -> None:
        self._clock = SystemClock()
        self._watches: set[Watch] = set()
        self._changed = threading.Condition()
        self._looks_at = float("inf")
        self._watching = False

    @contextmanager
    def within(self, seconds: float) -> Iterator[Watch]:
        """Shut down the connection that is used inside the `with` block if that takes longer."""
        began = self._clock.monotonic()
        watch = Watch(began, began + seconds)
        with self._changed:
            self._watches.add(watch)
            if not self._watching:
                self._watching = True
                threading.Thread(target=self._look, name="deadlines", daemon=True).start()
            elif watch.ends < self._looks_at:
                self._changed.notify()
        _thread.watch = watch
        try:
            yield watch
        finally:
            _thread.watch = None
            with self._changed:
                self._watches.discard(watch)

    def change(self, watch: Watch, seconds: float) -> None:
        """Let a request take so many seconds from its beginning, instead of what was said before."""
        with self._changed:
            watch.ends = watch.began + seconds
            if watch.ends < self._looks_at:
                self._changed.notify()

    def close(self) -> None:
        """End all requests under way, and the thread."""
        with self._changed:
            for watch in self._watches:
                watch.closed = True
                watch.end()
            self._watching = False
            self._changed.notify()

    def _look(self) -> None:
        """End what is overdue, then sleep until the next request could be."""
        with self._changed:
            while self._watching:
                now = self._clock.monotonic()
                for watch in [w for w in self._watches if w.ends <= now]:
                    watch.end()
                    self._watches.discard(watch)
                self._looks_at = min((w.ends for w in self._watches), default=now + DEADLINE)
                self._changed.wait(self._looks_at - now)
