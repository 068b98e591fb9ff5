"""Files are written for what changed: renamed, removed, lost and failing ones, and after crashes."""

from __future__ import annotations

import errno
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from core import export
from core.clock import FixedClock
from core.database import Conn
from core.errors import CollectorError, ConfigurationError, UnexpectedPayload
from core.export import File, mark, mark_all, write_marked
from core.export_folder import FOLDER_ID, ExportFolder
from core.session import Session, UnitSession
from tests.crash.files import faulty_files
from tests.crash.seams import Killed, Process, Seam

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


@pytest.fixture
def exported(conn: Conn, tmp_path: Path) -> Exported:
    return Exported(conn, tmp_path / "u")


def test_only_what_changed_is_written(exported: Exported) -> None:
    exported.change(a=ONE, b=TWO)
    assert exported.write().progress.counts == {"files_written": 2}
    assert exported.files == {ONE.path: "one", TWO.path: "two"}
    assert exported.write().progress.counts == {}
    assert exported.asked == []
    exported.change(a=File(ONE.path, "more"), b=TWO)
    before = (exported.root / TWO.path).stat().st_mtime_ns
    assert exported.write().progress.counts == {"files_written": 1}
    assert (exported.root / TWO.path).stat().st_mtime_ns == before


def test_files_are_readable_by_others(exported: Exported) -> None:
    exported.change(a=ONE)
    exported.write()
    assert stat.S_IMODE((exported.root / ONE.path).stat().st_mode) == 0o644


def test_a_renamed_file_does_not_stay_under_its_old_name(exported: Exported) -> None:
    exported.change(a=ONE)
    exported.write()
    exported.change(a=File("issues/2025/#1 - Renamed.md", "one"))
    assert exported.write().progress.counts == {"files_written": 1, "files_removed": 1}
    assert exported.files == {"issues/2025/#1 - Renamed.md": "one"}


def test_two_files_may_change_names_even_in_different_batches(
    exported: Exported, monkeypatch: pytest.MonkeyPatch
) -> None:
    for size in (500, 1):
        monkeypatch.setattr(export, "FILES_PER_QUERY", size)
        exported.change(a=ONE, b=TWO)
        exported.write()
        exported.change(a=File(TWO.path, "one"), b=File(ONE.path, "two"))
        exported.write()
        assert exported.files == {ONE.path: "two", TWO.path: "one"}


def test_a_removed_item_has_no_file(exported: Exported) -> None:
    exported.change(a=ONE)
    exported.write()
    exported.change(a=None)
    assert exported.write().progress.counts == {"files_removed": 1}
    assert exported.files == {}


def test_a_key_that_is_marked_while_it_is_written_stays_marked(exported: Exported) -> None:
    exported.change(a=ONE)
    render = exported.render

    def render_late(conn: Conn, keys: Sequence[str]) -> Mapping[str, File | CollectorError]:
        found = render(conn, keys)
        exported.change(a=File(ONE.path, "newer"))
        return found

    exported.render = render_late  # type: ignore[method-assign]
    exported.write()
    exported.render = render  # type: ignore[method-assign]
    assert exported.files == {ONE.path: "one"}
    exported.write()
    assert exported.files == {ONE.path: "newer"}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("change", range(1, 8))
def test_a_process_that_dies_while_it_writes_leaves_no_file_that_nobody_knows(
    exported: Exported, change: int, when: str
) -> None:
    exported.change(a=ONE)
    with pytest.raises(Killed), faulty_files(exported.root, Process(), Seam(change, when)):
        exported.write()
    exported.change(a=None, b=TWO)
    exported.write()
    assert exported.files == {TWO.path: "two"}


def test_a_file_that_cannot_be_made_is_named_and_tried_again(exported: Exported) -> None:
    exported.change(a=UnexpectedPayload("no title", source="s", identifier="a"), b=TWO)
    for _ in range(2):
        with pytest.raises(
            UnexpectedPayload, match="1 file could not be written: s: a: no title; all others were"
        ):
            exported.write()
        assert exported.asked[:1] == ["a"]
    assert exported.files == {TWO.path: "two"}
    exported.change(a=ONE)
    exported.write()
    assert exported.files == {ONE.path: "one", TWO.path: "two"}


def test_another_folder_is_written_as_a_whole(exported: Exported, tmp_path: Path) -> None:
    exported.change(a=ONE, b=TWO)
    exported.write()
    first, exported.root = exported.root, tmp_path / "elsewhere"
    exported.change(b=File(TWO.path, "newer"))
    exported.write()
    assert exported.files == {ONE.path: "one", TWO.path: "newer"}
    exported.root = first
    exported.write()
    assert exported.files == {ONE.path: "one", TWO.path: "newer"}


def test_everything_can_be_written_again(exported: Exported, conn: Conn) -> None:
    exported.change(a=ONE)
    exported.write()
    (exported.root / ONE.path).write_text("edited by hand")
    with conn.transaction():
        assert mark_all(conn, "s", "u") == 1
    exported.write()
    assert exported.files == {ONE.path: "one"}


@pytest.mark.parametrize(
    "path",
    ["../outside.md", "/etc/x.md", "a//b.md", "é" * 128 + ".md", "dir /x.md", "issues", f"{TWO.path}/x.md"],
)
def test_a_path_that_cannot_be_used_is_named_and_keeps_nothing_else_from_being_written(
    exported: Exported, path: str
) -> None:
    exported.change(b=TWO)
    exported.write()
    exported.change(a=File(path, "x"), c=ONE)
    for _ in range(2):
        with pytest.raises(UnexpectedPayload, match="1 file could not be written: a: "):
            exported.write()
    assert exported.files == {ONE.path: "one", TWO.path: "two"}
    exported.change(a=None)
    exported.write()


def test_two_keys_with_one_path_do_not_overwrite_each_other(exported: Exported) -> None:
    exported.change(a=ONE, b=File(ONE.path, "b"))
    for _ in range(2):
        with pytest.raises(UnexpectedPayload, match=r"b: another item has the file issues/2026/#1 - One\.md"):
            exported.write()
        assert exported.files == {ONE.path: "one"}
    exported.change(a=None)
    exported.write()
    assert exported.files == {ONE.path: "b"}


def test_a_folder_that_cannot_be_written_is_an_error_that_names_it(
    exported: Exported, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(folder: ExportFolder, path: str, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    exported.change(a=ONE)
    monkeypatch.setattr(ExportFolder, "write", full)
    with pytest.raises(ConfigurationError, match=r"/u cannot be written \(No space left on device\)"):
        exported.write()
