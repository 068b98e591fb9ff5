"""Reads the repository's own code: modules as syntax trees, SQL files as text."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMMENT = re.compile(r"--[^\n]*")


@dataclass(frozen=True)
class Module:
    """A module below `plugins/`."""

    path: Path
    name: str
    tree: ast.Module

    @property
    def tracker(self) -> str:
        """The tracker that the module belongs to; empty for other modules."""
        parts = self.name.split(".")
        return parts[1] if parts[0] == "trackers" and len(parts) > 1 else ""


@dataclass(frozen=True)
class SqlFile:
    """A file below `include/sql/`."""

    path: Path
    folder: str
    text: str

    @property
    def name(self) -> str:
        """The name by which code refers to the file: `folder/stem`."""
        return f"{self.folder}/{self.path.stem}"


def modules(root: Path = ROOT, below: str = "plugins") -> Iterator[Module]:
    """Yield the modules of a folder, sorted by path."""
    for path in sorted((root / below).rglob("*.py")):
        parts = path.relative_to(root / below).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        yield Module(path, name, ast.parse(path.read_text(encoding="utf-8")))


def sql_files(root: Path = ROOT) -> Iterator[SqlFile]:
    """Yield the SQL files, sorted by path, without comments."""
    for path in sorted((root / "include" / "sql").rglob("*.sql")):
        text = COMMENT.sub("", path.read_text(encoding="utf-8"))
        yield SqlFile(path, path.parent.name, text)
