"""Shared by random histories: work that is killed at some call, temporary faults, locks released late."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any, TypeVar

from core.errors import CollectorBusy, CollectorError
from sandbox.world import World
from tests.crash.seams import Killed, Seam, connect

T = TypeVar("T")


def run_disturbed(work: Callable[[Any], object], url: str, world: World, random: Random, longest: int) -> str:
    """Do some work over a connection that may kill it, remove all faults, and return a description for the log.

    :param longest: the last database call at which it may be killed.
    """
    killed_at = random.choice((0, 0, random.randint(1, longest)))
    description = f"killed at {killed_at}, {world.faults}"
    connection = connect(url, Seam(killed_at, random.choice(("before", "after"))))
    try:
        work(connection)
    except (Killed, CollectorError):
        pass
    finally:
        connection.close()
        world.faults.clear()
    return description


@contextmanager
def requests_ended() -> Iterator[None]:
    """Wait in the end for the requests that a killed run still sends from other threads, unlike a killed process."""
    before = {*threading.enumerate()}
    try:
        yield
    finally:
        for thread in {*threading.enumerate()} - before:
            if thread.name.startswith("api"):
                thread.join()


def let_requests_end() -> None:
    """Wait for the threads of a killed run: in a test they still send, unlike those of a killed process."""
    for thread in threading.enumerate():
        if thread.name.startswith("pinecone"):
            thread.join()


def when_free(work: Callable[[], T]) -> T:
    """Do some work as soon as its lock is free; the server notices a killed connection with a delay."""
    while True:
        try:
            return work()
        except CollectorBusy:
            time.sleep(0.01)
