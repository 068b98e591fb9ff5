"""What is still to be written as files: keys are marked with their rows, and worked off after them.

A key is marked in the transaction that changes its rows, so a crash loses none. `write_marked` writes the
file of each marked key and removes the one that it had under another name; the mark goes only if nothing
marked the key again meanwhile. Files are below the workspace, which is a cache: a folder that is not the one
that was written last, as on another machine, is written as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

from core import checkpoints
from core.clock import Clock
from core.database import Conn, execute, fetch, pages
from core.errors import CollectorError, UnexpectedPayload
from core.session import UnitSession
from core.workspace import below, write_bytes

FILES_PER_QUERY = 500
NAMED = 5
"""How many keys without a file an error names."""
FOLDER_ID = ".folder_id"
"""Name of the file by which a folder is recognised."""


@dataclass(frozen=True)
class File:
    """A file to write.

    :param path: below the folder of the export, with `/` between its parts.
    """

    path: str
    text: str


Render = Callable[[Conn, Sequence[str]], Mapping[str, File | CollectorError]]
"""Returns the file of each key, or why it cannot be made; a key that is left out has no file any more."""


@dataclass(frozen=True)
class _Marked:
    """A key whose file is to be written.

    :param path: where its file is now; empty if it has none.
    :param marks: how often the key had been marked when this was read.
    """

    key: str
    path: str
    sha256: bytes
    marks: int


def mark(conn: Conn, source: str, scope: str, keys: Iterable[str]) -> None:
    """Mark keys whose rows changed, in the transaction that changes them."""
    wanted = sorted(set(keys))
    if wanted:
        execute(conn, "core/mark_exports", {"source": source, "scope": scope, "keys": wanted})


def mark_all(conn: Conn, source: str, scope: str) -> int:
    """Mark every key that ever was marked, to have everything written again; return how many."""
    return execute(conn, "core/mark_all_exports", {"source": source, "scope": scope})


def write_marked(session: UnitSession, source: str, root: Path, render: Render) -> None:
    """Write the files of all marked keys of a unit.

    A key whose file cannot be made stays marked; the unit fails at the end and names the first of them.

    :param root: the unit's folder.
    """
    conn, scope = session.conn, session.name
    _recognise(conn, source, scope, root, session.clock)
    problems: list[str] = []
    query = {"source": source, "scope": scope}
    for marked in pages(conn, "core/read_marked_exports", query, size=FILES_PER_QUERY, into=_Marked):
        rendered = render(conn, [item.key for item in marked])
        written: list[_Marked] = []
        for item in marked:
            file = rendered.get(item.key)
            if isinstance(file, CollectorError):
                problems.append(str(file))
            else:
                written.append(_write(root, item, file))
        _remove_renamed(session, source, root, marked, written)
        with conn.transaction():
            _settle(conn, source, scope, written)
        before = {item.key: item for item in marked}
        session.progress.count("files_written", sum(bool(w.path) and w != before[w.key] for w in written))
        session.progress.advance(len(written))
    if problems:
        session.progress.count("files_failed", len(problems))
        raise UnexpectedPayload(
            f"{len(problems)} files could not be written, the others are: {'; '.join(problems[:NAMED])}",
            source=source,
            identifier=scope,
        )


def _write(root: Path, item: _Marked, file: File | None) -> _Marked:
    """Write a key's file, unless it is there with the same content."""
    if file is None:
        return _Marked(item.key, "", b"", item.marks)
    content = file.text.encode()
    write_bytes(below(root, *file.path.split("/")), content)
    return _Marked(item.key, file.path, sha256(content).digest(), item.marks)


def _remove_renamed(
    session: UnitSession, source: str, root: Path, before: Sequence[_Marked], after: Sequence[_Marked]
) -> None:
    """Remove the files that keys had under other names, unless another key has that name now."""
    settled = {item.key for item in after}
    left = {item.path for item in before if item.key in settled and item.path} - {i.path for i in after}
    if not left:
        return
    query = {"source": source, "scope": session.name, "paths": sorted(left), "keys": sorted(settled)}
    taken = {path for (path,) in fetch(session.conn, "core/find_taken_paths", query)}
    for path in sorted(left - taken):
        below(root, *path.split("/")).unlink(missing_ok=True)
        session.progress.count("files_removed")


def _settle(conn: Conn, source: str, scope: str, written: Sequence[_Marked]) -> None:
    execute(
        conn,
        "core/settle_exports",
        {
            "source": source,
            "scope": scope,
            "keys": [item.key for item in written],
            "paths": [item.path for item in written],
            "digests": [item.sha256 for item in written],
            "marks": [item.marks for item in written],
        },
    )


def _recognise(conn: Conn, source: str, scope: str, root: Path, clock: Clock) -> None:
    """Mark everything if the folder is not the one that was written last."""
    file = root / FOLDER_ID
    found = file.read_text(encoding="utf-8") if file.is_file() else ""
    known = checkpoints.read(conn, source, scope, "export folder")
    if known.token is not None and found == known.token:
        return
    folder_id = found or uuid4().hex
    if not found:
        write_bytes(file, folder_id.encode())
    with conn.transaction():
        mark_all(conn, source, scope)
        checkpoints.advance(conn, known, token=folder_id, marker=root.name, clock=clock)
