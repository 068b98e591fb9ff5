"""The folder of a unit's exported files, in which a run may be killed at any moment.

A file gets its name when it is complete. Names that are new to the folder are noted before they are given: a
run that is killed before the database knows them leaves the note, and the next run removes those files.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from uuid import uuid4

from core.workspace import below, write_bytes

FOLDER_ID = ".folder_id"
"""Name of the file by which a folder is recognised."""
UNFINISHED = ".unfinished"
"""Name of the folder that holds the note and files that are not complete yet."""
NOTE = "names"


class ExportFolder:
    """Writes and removes files by their paths below a folder, with `/` between the parts.

    :param root: the folder; created with the first file.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._unfinished = root / UNFINISHED
        self._note = self._unfinished / NOTE

    @property
    def id(self) -> str:
        """What the folder is recognised by; empty if it is new."""
        file = self.root / FOLDER_ID
        return file.read_text(encoding="utf-8") if file.is_file() else ""

    def identify(self) -> str:
        """Give a new folder an id; return the one that it has."""
        if not self.id:
            self._write(self.root / FOLDER_ID, uuid4().hex.encode())
        return self.id

    def write(self, path: str, content: bytes) -> None:
        """Write a file, unless it is there with the same content."""
        self._write(self._path(path), content)

    def remove(self, path: str) -> None:
        """Remove a file, if it is there."""
        self._path(path).unlink(missing_ok=True)

    def note(self, paths: Iterable[str]) -> None:
        """Note which paths are about to be new; replaces the note before."""
        if text := "\n".join(sorted(paths)):
            self._write(self._note, text.encode())

    def noted(self) -> list[str]:
        """Return the paths that may have files which nobody else knows of."""
        return self._note.read_text(encoding="utf-8").splitlines() if self._note.is_file() else []

    def finish(self) -> None:
        """Remove the note and incomplete files, since the database knows all others."""
        if self._unfinished.is_dir():
            for left in self._unfinished.iterdir():
                left.unlink()

    def _path(self, path: str) -> Path:
        return below(self.root, *path.split("/"))

    def _write(self, file: Path, content: bytes) -> None:
        write_bytes(file, content, through=self._unfinished)
