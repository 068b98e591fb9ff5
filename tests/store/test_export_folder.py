"""The folder of exported files: other folders, other machines, killed runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.export import File
from tests.crash.files import faulty_files
from tests.crash.seams import Killed, Process, Seam
from tests.exports import ONE, TWO, Exported


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
