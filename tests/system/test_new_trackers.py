"""Trackers made by `make new-tracker` work as written, in a copy of the project."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, SCRATCH


def copy_of_the_project(name: str) -> Path:
    """Return a copy. It is not in pytest's own folder, which every start of pytest makes unreadable for others."""
    copy = SCRATCH / name
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    paths = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for path in filter(None, paths.split("\0")):
        if (ROOT / path).is_file():
            (copy / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, copy / path)
    subprocess.run(["git", "init", "-q", "."], cwd=copy, check=True)
    return copy


def run_in(copy: Path, *command: str, **more: str) -> None:
    """Run a command in the copy, without what this process has set for itself."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "PYTHON"))}
    done = subprocess.run(command, cwd=copy, env=env | more, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-4000:]


@pytest.mark.system
@pytest.mark.timeout(600)
def test_the_tests_of_a_new_tracker_pass_as_written() -> None:
    copy = copy_of_the_project("one")
    path = os.pathsep.join([str(copy / "plugins"), str(copy)])
    run_in(copy, sys.executable, "-m", "scaffold.new_tracker", "sample_source", PYTHONPATH=path)
    tests = ["contract", "store", "crash/test_equivalence.py", "crash/test_side_by_side.py"]
    run_in(
        copy,
        *(sys.executable, "-m", "pytest", "-q", "-m", "not prove", "-k", "sample_source or Sample"),
        *(f"tests/{part}" for part in tests),
        CRASH_SPREAD="5",
    )


@pytest.mark.prove
@pytest.mark.timeout(1800)
def test_two_new_trackers_pass_lint_and_tests() -> None:
    copy = copy_of_the_project("two")
    for command in (
        ["new-tracker", "name=sample_source"],
        ["new-tracker", "name=second_source"],
        ["lint"],
        ["test-fast"],
    ):
        run_in(copy, "make", *command)
