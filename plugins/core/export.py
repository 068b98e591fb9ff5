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
from typing import Any
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
    :param planned: where a killed run may have written it.
    :param marks: how often the key had been marked when this was read.
    """

    key: str
    path: str
    planned: str
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
        failed = {key: found for key, found in rendered.items() if isinstance(found, CollectorError)}
        problems += map(str, failed.values())
        files = {key: found for key, found in rendered.items() if isinstance(found, File)}
        _Batch(session, source, root, [item for item in marked if item.key not in failed], files).write()
    if problems:
        session.progress.count("files_failed", len(problems))
        raise UnexpectedPayload(
            f"{len(problems)} files could not be written, the others are: {'; '.join(problems[:NAMED])}",
            source=source,
            identifier=scope,
        )


class _Batch:
    """Some files to write, and those that go because their items have other names or are gone.

    A file may be at two places: where it was, and where a killed run may have written it. The database
    knows both before anything is written, so no file is left behind.
    """

    def __init__(
        self,
        session: UnitSession,
        source: str,
        root: Path,
        items: Sequence[_Marked],
        files: Mapping[str, File],
    ) -> None:
        self._session, self._root, self._items, self._files = session, root, items, files
        self._where = {"source": source, "scope": session.name}

    def write(self) -> None:
        """Write what differs, remove what is stale, and settle the marks."""
        self._remove((item, item.planned) for item in self._items)
        moved = [item for item in self._items if self._path_of(item) not in ("", item.path)]
        if moved:
            with self._session.conn.transaction():
                self._execute("core/plan_exports", moved, paths=list(map(self._path_of, moved)))
        digests = [self._write(item) for item in self._items]
        self._remove((item, item.path) for item in self._items)
        with self._session.conn.transaction():
            self._execute(
                "core/settle_exports",
                self._items,
                paths=list(map(self._path_of, self._items)),
                digests=digests,
                marks=[item.marks for item in self._items],
            )
        written = [
            item
            for item, digest in zip(self._items, digests, strict=True)
            if digest and (self._path_of(item), digest) != (item.path, item.sha256)
        ]
        self._session.progress.count("files_written", len(written))
        self._session.progress.advance(len(self._items))

    def _path_of(self, item: _Marked) -> str:
        file = self._files.get(item.key)
        return file.path if file else ""

    def _write(self, item: _Marked) -> bytes:
        """Write the file of a key, unless it is there with the same content; return its digest."""
        file = self._files.get(item.key)
        if file is None:
            return b""
        content = file.text.encode()
        write_bytes(below(self._root, *file.path.split("/")), content)
        return sha256(content).digest()

    def _remove(self, files: Iterable[tuple[_Marked, str]]) -> None:
        """Remove files at places where their items have none now, unless another key has that place."""
        coming = set(map(self._path_of, self._items))
        stale = {path for item, path in files if path and path != self._path_of(item)} - coming
        if not stale:
            return
        keys = [item.key for item in self._items]
        query = {**self._where, "paths": sorted(stale), "keys": keys}
        taken = {path for (path,) in fetch(self._session.conn, "core/find_taken_paths", query)}
        for path in sorted(stale - taken):
            file = below(self._root, *path.split("/"))
            if file.exists():
                file.unlink()
                self._session.progress.count("files_removed")

    def _execute(self, name: str, items: Sequence[_Marked], **columns: list[Any]) -> None:
        execute(self._session.conn, name, {**self._where, "keys": [item.key for item in items], **columns})


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
