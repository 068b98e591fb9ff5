"""What random histories share: work that is killed somewhere, faults that pass, a lock that is let go of late."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from random import Random
from typing import Any, TypeVar

from core.errors import CollectorBusy, CollectorError
from sandbox.world import World
from tests.crash.seams import Killed, Seam, connect

T = TypeVar("T")


def disturbed(work: Callable[[Any], object], url: str, world: World, random: Random, longest: int) -> str:
    """Do some work over a connection that may kill it, let the world be well again, and tell what happened.

    :param longest: the database call at which it is killed at the latest.
    """
    killed_at = random.choice((0, 0, random.randint(1, longest)))
    told = f"killed at {killed_at}, {world.faults}"
    connection = connect(url, Seam(killed_at, random.choice(("before", "after"))))
    try:
        work(connection)
    except (Killed, CollectorError):
        pass
    finally:
        connection.close()
        world.faults.clear()
    return told


def let_requests_end() -> None:
    """What a killed process has sent arrives before its successor begins; in a test its threads still send."""
    for thread in threading.enumerate():
        if thread.name.startswith("pinecone"):
            thread.join()


def when_free(work: Callable[[], T]) -> T:
    """Do some work as soon as its lock is free: a server does not see at once that a connection was killed."""
    while True:
        try:
            return work()
        except CollectorBusy:
            time.sleep(0.01)
