"""`make new-tracker`: the names it refuses, the files it writes, and that it writes all or none."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scaffold.new_tracker import Refused, edits, facts, files, main, make
from tests.conftest import ROOT


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A copy of the files that a new tracker edits, and of the migrations."""
    for path in edits({"name": "x", "upper": "X", "pascal": "X", "title": "X"}):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    shutil.copytree(ROOT / "migrations/versions", tmp_path / "migrations/versions")
    return tmp_path


def ruff(*command: object) -> None:
    tool = [sys.executable, "-m", "ruff", *map(str, command), "-q", "--config", str(ROOT / "pyproject.toml")]
    subprocess.run(tool, check=True)


def contents(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Blog",
        "1st",
        "a b",
        "../x",
        "x" * 40,
        "class",
        "order",
        "json",
        "core",
        "tests",
        "faults",
        "requests",
        "pinecone",
    ],
)
def test_unusable_names_are_refused(repository: Path, name: str) -> None:
    before = contents(repository)
    with pytest.raises(Refused, match=r"lower case|is reserved"):
        make(name, repository)
    assert contents(repository) == before


def test_an_existing_tracker_is_refused(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (repository / "plugins/trackers/blog").mkdir(parents=True)
    assert main(["blog", "--root", str(repository)]) == 2
    assert "nothing written: a tracker 'blog' exists already" in capsys.readouterr().out


def test_a_name_of_a_sandbox_module_is_refused(repository: Path) -> None:
    (repository / "sandbox").mkdir()
    (repository / "sandbox/server.py").touch()
    with pytest.raises(Refused, match=r"used by sandbox/server\.py"):
        make("server", repository)


def test_the_written_files_are_valid_and_completely_rendered(repository: Path) -> None:
    paths = make("open_hub", repository)
    assert {
        "plugins/hooks/open_hub_hook.py",
        "plugins/trackers/open_hub/store.py",
        "plugins/boost_provider/open_hub_connection_form.py",
        "sandbox/open_hub/api.py",
        "sandbox/open_hub/service.py",
    } < {*paths}
    for path in paths:
        text = (repository / path).read_text(encoding="utf-8")
        assert "<<" not in text or path in edits(facts("other", repository))
        if path.endswith(".py"):
            ast.parse(text, path)
    assert "class OpenHubCollectorOperator" in (
        repository / "plugins/operators/open_hub_collector.py"
    ).read_text(encoding="utf-8")


def test_a_new_source_edits_two_shared_files() -> None:
    assert set(edits(facts("blog", ROOT))) == {"include/schedule.yaml", "CHANGELOG.md"}


def test_two_new_trackers_can_be_created_one_after_the_other(repository: Path) -> None:
    first = make("blog", repository)
    ruff("check", "--fix", "--exit-zero", repository)
    ruff("format", repository)
    second = make("forum", repository)
    assert {p for p in first if p in second} == set(edits(facts("other", repository)))
    migration = next(path for path in second if path.startswith("migrations/"))
    earlier = next(path for path in first if path.startswith("migrations/"))
    assert f'down_revision = "{Path(earlier).name[:4]}"' in (repository / migration).read_text(
        encoding="utf-8"
    )


@pytest.mark.parametrize("name", ["ab", "a_name_of_20_letters"])
def test_no_line_is_too_long_whatever_the_name(repository: Path, name: str) -> None:
    make(name, repository)
    ruff("check", "--fix", "--exit-zero", repository)
    ruff("format", repository)
    ruff("check", "--select", "E501", repository / "plugins", repository / "sandbox")


def test_an_unexpected_file_is_named_and_nothing_is_written(repository: Path) -> None:
    (repository / "CHANGELOG.md").write_text("# Changes\n", encoding="utf-8")
    before = contents(repository)
    with pytest.raises(Refused, match=r"CHANGELOG\.md: expected to find"):
        make("blog", repository)
    assert contents(repository) == before


def test_an_existing_file_is_not_overwritten(repository: Path) -> None:
    path = next(iter(files(facts("blog", repository))))
    (repository / path).parent.mkdir(parents=True, exist_ok=True)
    (repository / path).write_text("mine", encoding="utf-8")
    with pytest.raises(Refused, match="exist already"):
        make("blog", repository)
    assert (repository / path).read_text(encoding="utf-8") == "mine"
