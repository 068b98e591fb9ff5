"""The rules that tools check: style, types, imports, and what must not be committed."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT

BIN = ROOT / ".venv" / "bin"
LONGEST = 400


def tool(*command: str) -> None:
    env = os.environ | {"PYTHONPATH": f"{ROOT / 'plugins'}:{ROOT}"}
    done = subprocess.run(
        [str(BIN / command[0]), *command[1:]], cwd=ROOT, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "command",
    [("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",), ("lint-imports",)],
    ids=lambda c: c[0] + c[-1],
)
def test_tools_find_no_problem(command: tuple[str, ...]) -> None:
    tool(*command)


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def texts() -> list[tuple[Path, str]]:
    found = []
    for file in tracked():
        try:
            found.append((file.relative_to(ROOT), file.read_text(encoding="utf-8")))
        except UnicodeDecodeError:
            continue
    return found


def test_files_are_short() -> None:
    long = {str(p): t.count("\n") for p, t in texts() if p.suffix == ".py" and t.count("\n") > LONGEST}
    assert long == {}


def test_no_path_of_a_machine_is_committed() -> None:
    halves = (("/wor", r"k/[a-z.]+/"), ("/roo", "t/"), ("index", "-url"), ("https?://", r"\S*/simple\b"))
    forbidden = re.compile("|".join(first + second for first, second in halves))
    hits = [str(p) for p, t in texts() if forbidden.search(t)]
    assert hits == []


def test_every_sql_file_begins_with_a_comment_and_is_used() -> None:
    code = "\n".join(t for p, t in texts() if p.suffix == ".py")
    for path, text in texts():
        if path.suffix == ".sql":
            assert text.startswith("-- "), path
            name = "/".join(path.with_suffix("").parts[2:])
            stem = path.stem.removeprefix("view_")
            assert f'"{name}"' in code or f'"{stem}"' in code, f"{path} is not used"


def test_no_module_is_called_utils() -> None:
    assert [str(p) for p, _ in texts() if p.stem in ("utils", "helpers", "common", "misc")] == []


def test_links_in_documents_exist() -> None:
    for path, text in texts():
        if path.suffix == ".md":
            for link in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", text):
                assert (ROOT / path.parent / link).exists(), f"{path} links to {link}"
