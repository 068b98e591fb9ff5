"""The folder of a unit's exported files, in which a run may be killed at any moment.

A file gets its name when it is complete. Names that are new to the folder are noted before they are given: a
run that is killed before the database knows them leaves the note, and the next run removes those files.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from core.workspace import below, replacing, safe_segment

FOLDER_ID = ".folder_id"
"""Name of the file by which a folder is recognised."""
UNFINISHED = ".unfinished"
"""Name of the folder that holds the note and files that are not complete yet."""
NOTE = "names"
FOLDERS_REMEMBERED = 1_000
"""To look once for links that lead elsewhere, not for each file."""
STILL_NEEDED = frozenset({errno.ENOTEMPTY, errno.EEXIST, errno.EBUSY, errno.ENOTDIR})
"""Why a folder is not removed: it has files, something is mounted there, or it is a link."""


class ExportFolder:
    """Writes and removes files by their paths below a folder, with `/` between the parts.

    :param root: the folder; created with the first file.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._unfinished = root / UNFINISHED
        self._note = self._unfinished / NOTE
        self._folder = lru_cache(FOLDERS_REMEMBERED)(self._checked)

    @property
    def id(self) -> str:
        """What the folder is recognised by; empty if it is new."""
        file = self.root / FOLDER_ID
        return file.read_text(encoding="utf-8") if file.is_file() else ""

    def identify(self, folder_id: str) -> None:
        """Let the folder be recognised by an id, once the database knows it."""
        self._write(self.root / FOLDER_ID, folder_id.encode())

    def files(self) -> Iterator[str]:
        """Yield the paths of all files that a run can have written; remove empty folders on the way.

        Links, hidden files, hidden folders such as `.git`, and folders with an id of their own are left out.
        """
        return self._files(self.root) if self.root.is_dir() else iter(())

    def write(self, path: str, content: bytes) -> None:
        """Write a file, unless it is there with the same content."""
        self._write(self._path(path), content)

    def remove(self, path: str) -> None:
        """Remove a file, if it is there, and the folders that are empty without it."""
        file = self._path(path)
        with suppress(FileNotFoundError, IsADirectoryError, NotADirectoryError):  # There is no such file.
            file.unlink()
        self._remove_empty(file.parent)

    def note(self, paths: Iterable[str]) -> None:
        """Note which paths are about to be new, if they can be used; replaces the note before."""
        if text := "\n".join(sorted(path for path in paths if self._can_have(path))):
            self._write(self._note, text.encode())

    def noted(self) -> list[str]:
        """Return the paths that may have files which nobody else knows of."""
        return self._note.read_text(encoding="utf-8").split("\n") if self._note.is_file() else []

    def finish(self) -> None:
        """Remove the note and incomplete files, since the database knows all others."""
        if self._unfinished.is_dir():
            for left in self._unfinished.iterdir():
                left.unlink()

    def _files(self, folder: Path) -> Iterator[str]:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith(".") or not _can_be_ours(entry.name):
                    continue
                path = folder / entry.name
                if entry.is_file(follow_symlinks=False):
                    yield path.relative_to(self.root).as_posix()
                elif entry.is_dir(follow_symlinks=False) and not (path / FOLDER_ID).exists():
                    yield from self._files(path)
        self._remove_empty(folder)

    def _remove_empty(self, folder: Path) -> None:
        """Remove a folder and those above it while they are empty, but not the root."""
        while folder != self.root:
            try:
                folder.rmdir()
            except FileNotFoundError:
                pass  # A killed run removed it, and perhaps not those above it.
            except OSError as error:
                if error.errno not in STILL_NEEDED:
                    raise
                return
            folder = folder.parent

    def _can_have(self, path: str) -> bool:
        try:
            self._path(path)
        except ValueError:
            return False
        return True

    def _path(self, path: str) -> Path:
        folder, _, name = path.rpartition("/")
        return self._folder(folder) / safe_segment(name)

    def _checked(self, folder: str) -> Path:
        return below(self.root, *folder.split("/")) if folder else self.root

    def _write(self, file: Path, content: bytes) -> None:
        if not file.is_file() or file.read_bytes() != content:
            with replacing(file, through=self._unfinished) as new:
                new.write(content)


def _can_be_ours(name: str) -> bool:
    """Return whether a run can have given this name, which need not even be UTF-8."""
    try:
        safe_segment(name)
    except ValueError:
        return False
    return True
