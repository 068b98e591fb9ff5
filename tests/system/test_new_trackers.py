"""Two trackers made by `make new-tracker`, beside each other in a copy of the project."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from tests.conftest import ROOT, SCRATCH


@pytest.mark.prove
@pytest.mark.timeout(1200)
def test_two_new_trackers_pass_lint_and_tests_as_written() -> None:
    # Not in pytest's own folder: every start of pytest makes that one unreadable for the database's user.
    copy = SCRATCH / "copy"
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    subprocess.run(["git", "init", "-q", "."], cwd=copy, check=True)
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "PYTHON"))}
    for command in (
        ["new-tracker", "name=sample_source"],
        ["new-tracker", "name=second_source"],
        ["lint"],
        ["test-fast"],
    ):
        done = subprocess.run(["make", *command], cwd=copy, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-4000:]
