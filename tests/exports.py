"""A unit whose files are made of a dict, for the tests of exports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from core.clock import FixedClock
from core.database import Conn
from core.errors import CollectorError
from core.export import File, mark, write_marked
from core.export_folder import FOLDER_ID
from core.session import Session, UnitSession

ONE, TWO = File("issues/2026/#1 - One.md", "one"), File("issues/2026/#2 - Two.md", "two")


class Exported:
    """A unit whose files are made of a dict, in a folder."""

    def __init__(self, conn: Conn, root: Path) -> None:
        self.conn, self.root = conn, root
        self.rows: dict[str, File | CollectorError] = {}
        self.asked: list[str] = []

    def render(self, conn: Conn, keys: Sequence[str]) -> Mapping[str, File | CollectorError]:
        self.asked += keys
        return {key: self.rows[key] for key in keys if key in self.rows}

    def change(self, **rows: File | CollectorError | None) -> None:
        for key, row in rows.items():
            if row is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = row
        with self.conn.transaction():
            mark(self.conn, "s", "u", rows)

    def write(self) -> UnitSession:
        self.asked.clear()
        unit = Session(self.conn, clock=FixedClock()).unit("u")
        write_marked(unit, "s", self.root, self.render)
        return unit

    @property
    def files(self) -> dict[str, str]:
        found = (path for path in self.root.rglob("*") if path.is_file() and path.name != FOLDER_ID)
        return {str(path.relative_to(self.root)): path.read_text() for path in found}

    @property
    def folders(self) -> set[str]:
        """Folders below the root, except for hidden ones."""
        found = {path.relative_to(self.root) for path in self.root.rglob("*") if path.is_dir()}
        return {path.as_posix() for path in found if not path.name.startswith(".")}
