from __future__ import annotations

import os
from pathlib import Path

import pytest

from core import workspace
from core.errors import ConfigurationError
from trackers.github.names import safe_github_name


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "a\x00b", " a", "a ", "x" * 201, "a\nb"])
def test_invalid_segments_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="path segment"):
        workspace.below(tmp_path, name)
    assert not list(tmp_path.iterdir())


def test_paths_are_computed_without_creating_folders(tmp_path: Path) -> None:
    assert workspace.below(tmp_path, "lists", "boost") == tmp_path / "lists" / "boost"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["..", ".", "a b", "", "x" * 101])
def test_invalid_github_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="GitHub"):
        safe_github_name(name)
    assert safe_github_name("boost.asio-2_x") == "boost.asio-2_x"


def test_a_killed_write_leaves_the_old_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = workspace.write_text(tmp_path / "a" / "b.md", "old")

    def killed(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        workspace.write_text(file, "new")
    assert file.read_text() == "old"


def test_the_same_content_is_not_written_again(tmp_path: Path) -> None:
    file = workspace.write_json(tmp_path / "x.json", {"b": "ü", "when": Path("x")})
    os.utime(file, (1, 1))
    workspace.write_json(file, {"b": "ü", "when": Path("x")})
    assert file.stat().st_mtime == 1
    assert "ü" in file.read_text(encoding="utf-8")


def test_an_unwritable_folder_names_the_setting(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(ConfigurationError, match="WORKSPACE_DIR"):
        workspace.require_writable(blocked / "below", "WORKSPACE_DIR")
