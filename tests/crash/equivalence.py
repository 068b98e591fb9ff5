"""Compares histories in which a run fails at some call with one in which nothing fails."""

from __future__ import annotations

import os
from zlib import crc32

from tests.crash.history import History
from tests.crash.scenario import Snapshot

SPREAD = int(os.environ.get("CRASH_SPREAD", "9"))
"""The number of calls per run that are made to fail; `make test-fast` uses fewer."""


def check(played: History, mode: str, most: int, expected: Snapshot) -> None:
    """Make up to so many calls fail, one per history; each mode begins at another one."""
    calls = played.undisturbed.calls[mode.partition(" ")[0]]
    assert 5 < calls < 200
    step = -(-calls // most)
    for fail_at in range(1 + crc32(mode.encode()) % step, calls + 1, step):
        found = played.play(mode, fail_at).found
        for table, rows in expected.items():
            assert found[table] == rows, f"{mode}, call {fail_at}: {table}"
