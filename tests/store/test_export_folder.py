"""The folder of exported files: other folders, other machines, killed runs."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from core import export
from core.errors import UnexpectedPayload
from core.export import File
from tests.crash.files import faulty_files
from tests.crash.seams import Killed, Process, Seam
from tests.exports import ONE, TWO, Exported

OLD, NEW = File("old/2024/#3 - Three.md", "three"), File("issues/2025/#1 - Renamed.md", "one")


def write_and_die(exported: Exported, seam: Seam) -> None:
    """Die at a change to the folder; after one that fails by itself, as of a folder in use, the run goes on."""
    with suppress(Killed), faulty_files(exported.root, Process(), seam):
        exported.write()
    assert seam.calls >= seam.fail_at


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("change", range(1, 8))
@pytest.mark.parametrize("file", [ONE, File("two\u2028lines.md", "one")])
def test_a_process_that_dies_while_it_writes_leaves_no_file_that_nobody_knows(
    exported: Exported, file: File, change: int, when: str
) -> None:
    exported.change(a=file)
    write_and_die(exported, Seam(change, when))
    exported.change(a=None, b=TWO)
    exported.write()
    assert exported.files == {TWO.path: "two"}


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


def on_another_machine(exported: Exported, **rows: File | None) -> None:
    """Write all files into another folder after some rows changed, and return to the folder of before."""
    first = exported.root
    exported.root = first.with_name("elsewhere")
    exported.change(**rows)
    exported.write()
    exported.root = first


def test_what_was_renamed_and_removed_on_another_machine_goes_here_too(exported: Exported) -> None:
    exported.change(a=ONE, b=TWO, c=OLD)
    exported.write()
    on_another_machine(exported, a=NEW, c=None)
    assert exported.write().progress.counts == {"files_removed": 2}
    assert exported.files == {NEW.path: "one", TWO.path: "two"}
    assert exported.write().progress.counts == {}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("change", range(1, 12))
def test_a_process_that_dies_back_on_the_first_machine_leaves_no_old_name(
    exported: Exported, change: int, when: str
) -> None:
    exported.change(a=ONE, b=TWO, c=OLD)
    exported.write()
    on_another_machine(exported, a=NEW, c=None)
    write_and_die(exported, Seam(change, when))
    exported.write()
    assert exported.files == {NEW.path: "one", TWO.path: "two"}
    assert exported.folders == {"issues", "issues/2025", "issues/2026"}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("change", range(1, 8))
def test_a_folder_that_was_never_ours_loses_no_file_even_if_its_first_run_dies(
    exported: Exported, change: int, when: str
) -> None:
    exported.change(a=ONE)
    exported.write()
    exported.root = exported.root.with_name("of somebody")
    exported.root.mkdir()
    (exported.root / "README.md").write_text("mine")
    exported.change(a=NEW)
    write_and_die(exported, Seam(change, when))
    exported.write()
    assert exported.files == {"README.md": "mine", NEW.path: "one"}


def test_what_a_run_cannot_have_written_stays(exported: Exported, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x.md").write_text("x")
    exported.change(a=ONE, b=OLD)
    exported.write()
    kept = {
        ".git/objects/aa",
        ".hidden",
        "issues/.keep",
        "of another unit/x.md",
        "issues/space ",
        "space /x.md",
    }
    for path in [*kept, "of another unit/.folder_id"]:
        (exported.root / path).parent.mkdir(parents=True, exist_ok=True)
        (exported.root / path).write_text("x")
    (exported.root / "link").symlink_to(outside)
    (exported.root / "link.md").symlink_to(outside / "x.md")
    not_utf8 = os.fsencode(exported.root) + b"/\xff.md"
    Path(os.fsdecode(not_utf8)).write_text("x")
    on_another_machine(exported, b=None)
    exported.write()
    assert not (exported.root / OLD.path).exists()
    assert all((exported.root / path).exists() for path in kept)
    assert (exported.root / "link").is_symlink()
    assert (exported.root / "link.md").is_symlink()
    assert os.path.exists(not_utf8)
    assert (outside / "x.md").exists()


def test_nothing_is_written_through_links(exported: Exported, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x.md").write_text("mine")
    exported.root.mkdir()
    (exported.root / "link").symlink_to(outside)
    (exported.root / "link.md").symlink_to(outside / "x.md")
    exported.change(a=File("link/x.md", "a"), b=File("link/y.md", "b"), c=File("link.md", "c"))
    with pytest.raises(UnexpectedPayload, match=r"2 files could not be written: a: .* is outside "):
        exported.write()
    assert {path.name: path.read_text() for path in outside.iterdir()} == {"x.md": "mine"}
    assert not (exported.root / "link.md").is_symlink()
    assert (exported.root / "link.md").read_text() == "c"


def test_old_names_are_looked_up_in_batches(exported: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "FILES_PER_QUERY", 10)
    exported.change(**{f"k{n}": File(f"{n % 3}/{n}.md", "x") for n in range(25)})
    exported.write()
    on_another_machine(exported, **{f"k{n}": None for n in range(25)}, a=ONE)
    asked: list[int] = []
    fetch = export.fetch

    def counted(conn: Any, query: str, values: Any) -> Any:
        asked.append(len(values["paths"]))
        return fetch(conn, query, values)

    monkeypatch.setattr(export, "fetch", counted)
    exported.write()
    assert asked[:3] == [10, 10, 5]
    assert exported.files == {ONE.path: "one"}


def test_no_empty_folder_stays_where_the_last_file_was(exported: Exported) -> None:
    exported.change(a=ONE, b=OLD)
    exported.write()
    (exported.root / "old/by hand.txt").write_text("x")
    exported.change(a=NEW, b=None)
    exported.write()
    assert exported.folders == {"issues", "issues/2025", "old"}
    exported.change(a=None)
    exported.write()
    assert exported.folders == {"old"}
    (exported.root / "old/by hand.txt").unlink()
    assert exported.root.is_dir()


def test_the_root_stays_when_it_is_empty(exported: Exported) -> None:
    exported.change(a=File("a.md", "a"))
    exported.write()
    exported.change(a=None)
    exported.write()
    assert (exported.files, exported.folders) == ({}, set())
    assert exported.root.is_dir()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("change", range(1, 9))
def test_a_process_that_dies_while_it_removes_leaves_no_empty_folder(
    exported: Exported, change: int, when: str
) -> None:
    exported.change(a=OLD)
    exported.write()
    exported.change(a=ONE)
    write_and_die(exported, Seam(change, when))
    exported.write()
    assert exported.files == {ONE.path: "one"}
    assert exported.folders == {"issues", "issues/2026"}


@pytest.mark.parametrize("path", ["../outside.md", "a\n../b.md", "issues", f"{ONE.path}/x.md", "é" * 128])
@pytest.mark.parametrize("change", range(1, 6))
def test_a_process_that_dies_beside_a_path_that_cannot_be_used_can_run_again(
    exported: Exported, change: int, path: str
) -> None:
    exported.change(a=ONE)
    exported.write()
    exported.change(b=File(path, "x"), c=TWO)
    with pytest.raises(Killed), faulty_files(exported.root, Process(), Seam(change, "before")):
        exported.write()
    exported.change(b=None)
    exported.write()
    assert exported.files == {ONE.path: "one", TWO.path: "two"}
