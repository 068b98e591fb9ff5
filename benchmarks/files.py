"""Files made of rows, `core.export.write_marked`, compared with bare atomic writes of the same bytes."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import psycopg

from benchmarks.report import Figure
from core.clock import FixedClock
from core.database import Conn
from core.errors import CollectorError
from core.export import File, mark, write_marked
from core.session import Session

BATCHES, PER_BATCH = 40, 250
TEXT = "A line about a library and its review, as an issue has them.\n" * 30
Files = Mapping[str, File]


def figures(url: str, folder: Path) -> Iterator[Figure]:
    """Write small batches in turns, because a disk that others use is not equally fast at all times."""
    known: dict[str, File] = {}

    def render(conn: Conn, keys: Sequence[str]) -> Mapping[str, File | CollectorError]:
        return {key: known[key] for key in keys}

    bare, new, equal = [], [], []
    with psycopg.connect(url, autocommit=True) as conn:
        # This clock lets no line of progress fall between the figures.
        unit = Session(conn, clock=FixedClock()).unit("bench")

        def write() -> None:
            write_marked(unit, "bench", folder / "unit", render)

        for number in range(BATCHES):
            files = batch(number)
            known |= files
            for measured in (bare, new) if number % 2 else (new, bare):
                if measured is bare:
                    bare.append(seconds(lambda files=files: write_bare(folder / "bare", files)))  # type: ignore[misc]
                else:
                    mark_all_of(conn, unit.name, files)
                    new.append(seconds(write))
            mark_all_of(conn, unit.name, files)
            equal.append(seconds(write))
        idle = seconds(write)
    plain = statistics.median(bare)
    note = f"{plain / PER_BATCH * 1000:.2f} ms a file"
    of = f"{BATCHES * PER_BATCH:,} files"
    ratio = statistics.median(new) / plain
    yield Figure(
        f"{of}, all new, against bare atomic writes", ratio, 1.5, at_least=False, note=f"bare: {note}"
    )
    yield Figure("the same, nothing changed", idle / (plain * BATCHES), 0.5, at_least=False)
    yield Figure("the same, all marked but equal", statistics.median(equal) / plain, 0.5, at_least=False)


def batch(number: int) -> Files:
    return {
        f"{n:05d}": File(f"issues/{2000 + number}/#{n} - A title of the usual length.md", f"# {n}\n{TEXT}")
        for n in range(number * PER_BATCH, (number + 1) * PER_BATCH)
    }


def seconds(action: Callable[[], None]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def mark_all_of(conn: Conn, scope: str, keys: Files) -> None:
    """Mark in the way of pages."""
    names = list(keys)
    for start in range(0, len(names), 100):
        with conn.transaction():
            mark(conn, "bench", scope, names[start : start + 100])


def write_bare(folder: Path, files: Files) -> None:
    """Write each file beside its place, flush it to the disk, and rename it: the least that is atomic."""
    for parent in {os.path.dirname(file.path) for file in files.values()}:
        os.makedirs(folder / parent, exist_ok=True)
    for file in files.values():
        path = f"{folder}/{file.path}"
        with open(f"{path}.tmp", "wb") as stream:
            stream.write(file.text.encode())
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(f"{path}.tmp", path)
