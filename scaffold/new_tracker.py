"""`make new-tracker name=…`: creates a complete, working example of a new source, to be adapted.

Writes the sandbox's service, hook, connection form, tracker, SQL, migration, operator and tests, and adds the
source to the schedule and the changelog. Everything is computed before the first file is written.
"""

from __future__ import annotations

import argparse
import keyword
import re
import sys
from collections.abc import Callable
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from sqlalchemy.dialects.postgresql.base import RESERVED_WORDS

from checks.source_code import ROOT
from sandbox.services import CONTROLS
from sandbox.world import World

TEMPLATES = Path(__file__).resolve().parent / "templates"
NAME = re.compile(r"[a-z][a-z0-9_]{1,19}")
RESERVED = CONTROLS | {
    "core",
    "hooks",
    "trackers",
    "operators",
    "sandbox",
    "launcher",
    "checks",
    "airflow",
    "public",
    "tests",
}
Edit = Callable[[str], str]
UNRELEASED = "## 0.1.0 (unreleased)\n\n"


class Refused(ValueError):
    """The name cannot be used, or a file is not as expected; nothing was written."""


def check(name: str, root: Path) -> None:
    """Refuse a name that cannot be a package, a schema and a module, or that is in use."""
    if not NAME.fullmatch(name):
        raise Refused(
            f"{name!r} cannot be used; take 2 to 20 lower case letters, digits and _, starting with a letter"
        )
    if (
        name in RESERVED
        or name in RESERVED_WORDS
        or keyword.iskeyword(name)
        or name in sys.stdlib_module_names
        or hasattr(World(), name)
    ):
        raise Refused(f"{name!r} is reserved; choose another name")
    if (root / f"sandbox/{name}.py").exists():
        raise Refused(f"{name!r} is used by sandbox/{name}.py; choose another name")
    if (root / "plugins/trackers" / name).exists():
        raise Refused(f"a tracker {name!r} exists already; choose another name")


def facts(name: str, root: Path) -> dict[str, str]:
    """Return the values that templates and edits insert."""
    revisions = sorted(path.name[:4] for path in (root / "migrations/versions").glob("[0-9]*.py"))
    return {
        "name": name,
        "upper": name.upper(),
        "pascal": "".join(part.capitalize() for part in name.split("_")),
        "title": name.replace("_", " ").capitalize(),
        "before": revisions[-1],
        "revision": f"{int(revisions[-1]) + 1:04d}",
    }


def files(facts_: dict[str, str]) -> dict[str, str]:
    """Return the text of the new files by path."""
    environment = Environment(
        variable_start_string="<<",
        variable_end_string=">>",
        block_start_string="[%",
        block_end_string="%]",
        comment_start_string="[#",
        comment_end_string="#]",
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
    )
    found = {}
    for template in sorted(TEMPLATES.rglob("*.txt")):
        path = str(template.relative_to(TEMPLATES)).removesuffix(".txt")
        path = path.replace("REVISION", facts_["revision"]).replace("NAME", facts_["name"])
        found[path] = environment.from_string(template.read_text(encoding="utf-8")).render(facts_)
    return found


def edits(facts_: dict[str, str]) -> dict[str, Edit]:
    """Return an edit for each existing file that must name the source; all others discover it."""
    name, title = facts_["name"], facts_["title"]

    def add_group(schedule: str) -> str:
        return (
            f"{schedule.rstrip()}\n"
            f'  {name}:\n    default_time: "02:00"\n    description: {title}.\n    tasks:\n'
            f"      - command: run_{name}_tracker\n        schedule: daily\n"
        )

    def add_change(changelog: str) -> str:
        if UNRELEASED not in changelog:
            raise Refused(f"expected to find the heading {UNRELEASED.strip()!r}")
        return changelog.replace(UNRELEASED, f"{UNRELEASED}* {title} is collected.\n", 1)

    return {"include/schedule.yaml": add_group, "CHANGELOG.md": add_change}


def make(name: str, root: Path = ROOT) -> list[str]:
    """Write all files or none; return the paths written."""
    check(name, root)
    known = facts(name, root)
    written = files(known)
    if existing := [path for path in written if (root / path).exists()]:
        raise Refused(f"these files exist already: {', '.join(existing)}")
    for path, edit in edits(known).items():
        try:
            written[path] = edit((root / path).read_text(encoding="utf-8"))
        except Refused as error:
            raise Refused(f"{path}: {error}") from None
    kept = {path: (root / path).read_bytes() for path in written if (root / path).exists()}
    try:
        for path, text in written.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text, encoding="utf-8")
    except OSError:
        for path in written:
            if path in kept:
                (root / path).write_bytes(kept[path])
            else:
                (root / path).unlink(missing_ok=True)
        raise
    return sorted(written)


def main(argv: list[str] | None = None) -> int:
    """Parse the command line and write the files; return the exit status."""
    parser = argparse.ArgumentParser(prog="make new-tracker", description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--root", type=Path, default=ROOT)
    options = parser.parse_args(argv)
    try:
        paths = make(options.name, options.root)
    except Refused as error:
        print(f"nothing written: {error}")
        return 2
    print("\n".join(paths))
    print("\nNext: `make docs fmt lint test-fast`, then make the sandbox answer like the real service.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
