"""Names and files below the workspace: checked path segments and atomic writes.

The workspace is a cache that any worker can rebuild; what must be kept is in PostgreSQL.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import Any, BinaryIO

from core.errors import ConfigurationError

LONGEST_NAME = 255
"""Bytes that a name may have on the file systems in use."""
FORBIDDEN = re.compile(r"[/\\\x00-\x1f\x7f]")


def safe_segment(name: str) -> str:
    """Return `name` if it can be one path segment, else raise ValueError."""
    fits = 1 <= len(name) <= 200 and len(name.encode()) <= LONGEST_NAME
    if not fits or FORBIDDEN.search(name) or name in (".", "..") or name != name.strip():
        raise ValueError(f"cannot be used as a path segment: {name!r}")
    return name


def below(root: Path, *segments: str) -> Path:
    """Join checked segments to `root` without creating anything."""
    path = root.joinpath(*map(safe_segment, segments))
    if not path.resolve().is_relative_to(root.resolve()):
        raise ValueError(f"{path} is outside {root}")
    return path


def require_writable(root: Path, setting: str) -> None:
    """Create the folder, or raise an error that names the setting to change."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=root):
            pass
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigurationError(f"{root} cannot be written ({reason}); set {setting}") from error


def write_bytes(path: Path, content: bytes) -> Path:
    """Write atomically, and only if the content differs, so that the modification time stays meaningful."""
    if not path.is_file() or path.read_bytes() != content:
        with replacing(path) as file:
            file.write(content)
    return path.resolve()


@contextmanager
def replacing(path: Path, *, through: Path | None = None) -> Iterator[BinaryIO]:
    """Yield a file that becomes `path` when the block ends; after an error nothing of it remains.

    Others may read it, unless the process's umask forbids it.

    :param through: the folder on the same file system in which a killed process may leave its temporary file;
        beside the file by default.
    """
    folder = path.parent if through is None else through
    path.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    name = folder / f".{path.name[:50]}.{token_hex(8)}.tmp"
    try:
        with open(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:  # a stopped task must not leave the temporary file behind, either
        name.unlink(missing_ok=True)
        raise


def write_text(path: Path, content: str) -> Path:
    """Write a text atomically, in UTF-8."""
    return write_bytes(path, content.encode("utf-8"))


def write_json(path: Path, value: Any) -> Path:
    """Write indented JSON atomically; values that JSON has no type for are written as text."""
    return write_text(path, json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")
