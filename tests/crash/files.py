"""Exported files: a seam that makes the k-th change to a folder fail, and what the folder holds in the end."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from stat import S_IMODE
from typing import Any
from unittest.mock import patch

from core.export_folder import FOLDER_ID
from tests.crash.seams import Process, Seam

CHANGES = ("open", "replace", "rename", "unlink", "rmdir")
"""Functions of `os` that create, rename and remove files, and remove folders; `Path` and `tempfile` use them."""


@contextmanager
def faulty_files(folder: Path, process: Process, seam: Seam) -> Iterator[None]:
    """Let the seam count the changes to the files in a folder."""

    def counted(change: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: Any, *args: Any, **kwargs: Any) -> Any:
            if not (isinstance(path, (str, Path)) and Path(path).is_relative_to(folder)):
                return change(path, *args, **kwargs)
            return process.guarded(seam, lambda: change(path, *args, **kwargs))

        return call

    with ExitStack() as stack:
        for name in CHANGES:
            stack.enter_context(patch.object(os, name, counted(getattr(os, name))))
        yield


def contents(folder: Path, ids: dict[str, str]) -> list[tuple[str, bytes, str]]:
    """Return path, content and mode of each file.

    :param ids: what to show for the random id of a folder.
    """
    return [
        (path.relative_to(folder).as_posix(), _content(path, ids), f"{S_IMODE(path.stat().st_mode):o}")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]


def folder_ids(folder: Path) -> dict[str, str]:
    """Return what to show for the random ids of the folders below one: which folder it is."""
    return {
        path.read_text(): f"id of {path.parent.relative_to(folder).as_posix()}"
        for path in folder.rglob(FOLDER_ID)
    }


def _content(path: Path, ids: dict[str, str]) -> bytes:
    content = path.read_bytes()
    return ids[content.decode()].encode() if path.name == FOLDER_ID else content
