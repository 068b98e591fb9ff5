"""Build the virtual environment from the committed lock. Runs with nothing but Python's standard library."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SUPPORTED = ((3, 11), (3, 13))


def fail(message: str) -> None:
    """Print the message and exit."""
    sys.exit(f"setup: {message}")


def check_python() -> None:
    """Exit if the locked packages do not support this Python."""
    if not SUPPORTED[0] <= sys.version_info[:2] <= SUPPORTED[1]:
        found = ".".join(map(str, sys.version_info[:2]))
        fail(
            f"Python 3.11 to 3.13 is needed, this is {found}; choose one with `make setup PYTHON=python3.12`."
        )


def make_venv(folder: Path) -> None:
    """Create the folder with pip in it; on Debian, venv needs another package."""
    if (folder / "bin/python").exists():
        return
    made = subprocess.run([sys.executable, "-m", "venv", str(folder)], capture_output=True, text=True)
    if made.returncode:
        version = ".".join(map(str, sys.version_info[:2]))
        print((made.stdout + made.stderr).strip(), file=sys.stderr)
        fail(f"`python3 -m venv` does not work here; on Debian: apt-get install python{version}-venv")


def pinned(package: str) -> str:
    """Return `package==version` as pinned in the lock."""
    lock = (ROOT / "requirements-dev.txt").read_text()
    found = re.search(rf"^{package}==[^\s;]+", lock, re.MULTILINE)
    return found.group(0) if found else package


def main() -> None:
    """Create the environment; install the locked packages and this repository's provider into it."""
    check_python()
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".venv").resolve()
    make_venv(folder)
    python = folder / "bin/python"
    print("setup: installing the locked packages into .venv (a minute or two the first time)", flush=True)
    steps = (
        [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", pinned("uv")],
        [
            str(folder / "bin/uv"),
            "pip",
            "install",
            "-q",
            "--python",
            str(python),
            "-r",
            "requirements-dev.txt",
        ],
        [str(folder / "bin/uv"), "pip", "install", "-q", "--python", str(python), "--no-deps", "-e", "."],
    )
    for step in steps:
        if subprocess.run(step, cwd=ROOT).returncode:
            fail(f"`{' '.join(step[:4])} …` failed; see the output above, fix the cause and repeat.")


if __name__ == "__main__":
    main()
