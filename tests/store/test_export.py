"""Files are written for what changed: renamed, removed, lost and failing ones."""

from __future__ import annotations

import errno
import stat
from collections.abc import Mapping, Sequence

import pytest

from core import export
from core.database import Conn
from core.errors import CollectorError, ConfigurationError, UnexpectedPayload
from core.export import File, mark_all
from core.export_folder import ExportFolder
from tests.exports import ONE, TWO, Exported


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
