"""What is still to be written as files: keys are marked with their rows, and worked off after them.

A key is marked in the transaction that changes its rows, so a crash loses none. `write_marked` writes the
file of each marked key and removes the one that it had under another name; the mark goes only if nothing
marked the key again meanwhile. What a killed run wrote without settling it is removed by the next one. Files
are below the workspace, which is a cache: a folder that is not the one that was written last, as on another
machine, is written as a whole, and if it was written earlier, what no key claims any more is removed.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path
from uuid import uuid4

from core import checkpoints
from core.database import Conn, execute, fetch, pages
from core.errors import CollectorError, ConfigurationError, UnexpectedPayload
from core.export_folder import ExportFolder
from core.progress import counted
from core.session import UnitSession

FILES_PER_QUERY = 500
OF_ONE_FILE = frozenset({errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EEXIST, errno.ENOTEMPTY})
"""What the name of one file can cause; anything else concerns the whole folder."""
NAMED = 5
"""How many keys without a file an error names."""


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
    mark_of_units(conn, source, ((scope, key) for key in keys))


def mark_of_units(conn: Conn, source: str, keys: Iterable[tuple[str, str]]) -> None:
    """Mark keys of several units: an author's new name, say, is in the files of each.

    Tasks cannot deadlock if each calls this once per transaction, as its last statement.
    """
    if wanted := sorted(set(keys)):
        scopes, names = zip(*wanted, strict=True)
        execute(conn, "core/mark_exports", {"source": source, "scopes": list(scopes), "keys": list(names)})


def mark_all(conn: Conn, source: str, scope: str) -> int:
    """Mark every key that ever was marked, to have everything written again; return how many."""
    return execute(conn, "core/mark_all_exports", {"source": source, "scope": scope})


def write_marked(session: UnitSession, source: str, root: Path, render: Render) -> None:
    """Write the files of all marked keys of a unit.

    A key whose file cannot be made stays marked; the unit fails at the end and names the first of them.

    :param root: the unit's folder.
    """
    conn, scope, folder = session.conn, session.name, ExportFolder(root)
    _remove_unknown(conn, source, scope, folder)
    _recognise(session, source, folder)
    problems: list[str] = []
    query = {"source": source, "scope": scope}
    for marked in pages(conn, "core/read_marked_exports", query, size=FILES_PER_QUERY, into=_Marked):
        rendered = render(conn, [item.key for item in marked])
        files = dict(_usable(conn, source, scope, marked, rendered, problems))
        folder.note(file.path for item, file in files.items() if file and file.path != item.path)
        written = list(_written(folder, files, problems))
        before = [item for item, _ in written]
        after = [item for _, item in written]
        _remove_renamed(session, source, folder, before, after)
        with conn.transaction():
            _settle(conn, source, scope, after)
        changed = [now for was, now in written if now.path and now != was]
        session.progress.count("files_written", len(changed))
        session.progress.advance(len(written))
    folder.finish()
    if problems:
        session.progress.count("files_failed", len(problems))
        raise UnexpectedPayload(
            f"{counted(len(problems), 'files')} could not be written: {'; '.join(problems[:NAMED])}; "
            "all others were",
            source=source,
            identifier=scope,
        )


def _usable(
    conn: Conn,
    source: str,
    scope: str,
    marked: Sequence[_Marked],
    rendered: Mapping[str, File | CollectorError],
    problems: list[str],
) -> Iterator[tuple[_Marked, File | None]]:
    """Yield the keys whose file can be written; two with one path would overwrite each other in turns."""
    moving = {item.key for item in marked}
    new = {file.path for file in rendered.values() if isinstance(file, File)}
    taken = _taken(conn, source, scope, new, sorted(moving), settled=True)
    for item in marked:
        file = rendered.get(item.key)
        if isinstance(file, CollectorError):
            problems.append(str(file))
        elif file and file.path in taken:
            problems.append(f"{item.key}: another item has the file {file.path}")
        else:
            taken |= {file.path} if file else set()
            yield item, file


def _written(
    folder: ExportFolder, files: Mapping[_Marked, File | None], problems: list[str]
) -> Iterator[tuple[_Marked, _Marked]]:
    """Write the files; yield each key as it was and as it is now."""
    for item, file in files.items():
        if file is None:
            yield item, _Marked(item.key, "", b"", item.marks)
            continue
        content = file.text.encode("utf-8", "replace")
        try:
            folder.write(file.path, content)
        except ValueError as error:
            problems.append(f"{item.key}: {error}")
        except OSError as error:
            if error.errno not in OF_ONE_FILE:
                reason = error.strerror or type(error).__name__
                raise ConfigurationError(f"{folder.root} cannot be written ({reason})") from error
            problems.append(f"{item.key}: {error.strerror}")
        else:
            yield item, _Marked(item.key, file.path, sha256(content).digest(), item.marks)


def _remove_renamed(
    session: UnitSession,
    source: str,
    folder: ExportFolder,
    before: Iterable[_Marked],
    after: Sequence[_Marked],
) -> None:
    """Remove the files that keys had under other names, unless another key has that name now."""
    left = {item.path for item in before if item.path} - {item.path for item in after}
    if left:
        taken = _taken(session.conn, source, session.name, left, [item.key for item in after])
        for path in sorted(left - taken):
            folder.remove(path)
            session.progress.count("files_removed")


def _remove_unknown(conn: Conn, source: str, scope: str, folder: ExportFolder) -> None:
    """Remove the files of a killed run that the database does not know; their keys are still marked."""
    if unknown := set(folder.noted()):
        for path in sorted(unknown - _taken(conn, source, scope, unknown, [])):
            folder.remove(path)
    folder.finish()


def _taken(
    conn: Conn, source: str, scope: str, paths: set[str], keys: list[str], *, settled: bool = False
) -> set[str]:
    """Return those of the paths that keys have, except for these keys.

    :param settled: ask only for keys that are not marked, whose files stay where they are.
    """
    query = {"source": source, "scope": scope, "paths": sorted(paths), "keys": keys, "settled": settled}
    return {path for (path,) in fetch(conn, "core/find_taken_paths", query)}


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


def _recognise(session: UnitSession, source: str, folder: ExportFolder) -> None:
    """Mark everything if the folder is not the one that was written last.

    The database knows the id first: a folder with an id has been ours, and its files may be removed.
    """
    conn, scope = session.conn, session.name
    known, found = checkpoints.read(conn, source, scope, "export folder"), folder.id
    if found and found == known.token:
        return
    if found:
        _remove_unclaimed(session, source, folder)
    folder_id = found or uuid4().hex
    with conn.transaction():
        mark_all(conn, source, scope)
        checkpoints.advance(conn, known, token=folder_id, marker=folder.root.name, clock=session.clock)
    if not found:
        folder.identify(folder_id)


def _remove_unclaimed(session: UnitSession, source: str, folder: ExportFolder) -> None:
    """Remove the files that no key has any more; they were renamed or removed in another folder."""
    files = folder.files()
    while paths := set(islice(files, FILES_PER_QUERY)):
        for path in sorted(paths - _taken(session.conn, source, session.name, paths, [])):
            folder.remove(path)
            session.progress.count("files_removed")
