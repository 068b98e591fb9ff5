"""The Connection forms: found wherever the package is installed, and consistent with their hooks."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import boost_provider
from launcher.connections import REAL, sandbox_connections
from tests.conftest import ROOT

TYPES = boost_provider.get_provider_info()["connection-types"]
SHOW = """
import json, sys
sys.path.insert(0, sys.argv[1])
import boost_provider
print(json.dumps([boost_provider.__file__, boost_provider.get_provider_info()]))
"""


def imported_from(path: Path) -> tuple[str, Any]:
    """Import the package from a path, in a Python that has only the standard library."""
    command = [sys.executable, "-I", "-S", "-c", SHOW, str(path)]
    file, info = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return file, info


def test_the_forms_are_in_the_wheel(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, capture_output=True, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    file, info = imported_from(wheel)
    assert file.startswith(str(wheel))
    assert info == boost_provider.get_provider_info()


def test_a_form_is_found_by_its_file(tmp_path: Path) -> None:
    shutil.copytree(Path(boost_provider.__file__).parent, tmp_path / "boost_provider")
    form = 'CONNECTION_TYPE = {"connection-type": "aa", "hook-class-name": "aa.Aa"}\nCONNECTIONS = ()\n'
    (tmp_path / "boost_provider/aa_connection_form.py").write_text(form, encoding="utf-8")
    file, info = imported_from(tmp_path)
    assert file.startswith(str(tmp_path))
    assert info["connection-types"] == [
        {"connection-type": "aa", "hook-class-name": "aa.Aa"},
        *TYPES,
    ]


@pytest.mark.parametrize("form", TYPES, ids=lambda form: form["connection-type"])
def test_a_form_matches_its_hook(form: dict[str, Any]) -> None:
    module, _, name = form["hook-class-name"].rpartition(".")
    hook = getattr(import_module(module), name)
    assert (hook.conn_type, hook.hook_name) == (form["connection-type"], form["hook-name"])
    real = [found["host"] for found in REAL.values() if found["conn_type"] == hook.conn_type]
    assert real in ([], [getattr(hook, "example_host", None)])


def test_the_types_of_all_connections_exist() -> None:
    types = {form["connection-type"] for form in TYPES}
    assert {found["conn_type"] for found in (REAL | sandbox_connections("http://x")).values()} <= types
    assert {*REAL} <= {conn_id for conn_id, _, _ in boost_provider.connections()}


def test_a_new_system_has_the_connections_that_need_no_account() -> None:
    archive = {"conn_type": "hyperkitty", "host": "https://lists.boost.org/archives"}
    assert REAL["hyperkitty_boost"] == archive
