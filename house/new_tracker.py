"""`make new-tracker name=…`: everything a new source needs, working, to be changed into what it really is.

Writes the sandbox's service, hook, connection form, tracker, SQL, migration, operator and tests, and edits
the files that name what does not register itself. All is computed before the first file is written.
"""

from __future__ import annotations

import argparse
import keyword
import re
import sys
from collections.abc import Callable
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from house.sources import ROOT
from sandbox.services import CONTROLS
from sandbox.world import World

TEMPLATES = Path(__file__).resolve().parent / "scaffold"
NAME = re.compile(r"[a-z][a-z0-9_]{1,30}")
TAKEN = CONTROLS | {
    "core",
    "hooks",
    "trackers",
    "operators",
    "sandbox",
    "launcher",
    "house",
    "airflow",
    "public",
    "tests",
}
Edit = Callable[[str], str]


class Refused(ValueError):
    """A name that cannot be taken, or a place that is not as expected."""


def check(name: str, root: Path) -> None:
    """Refuse names that cannot be a package, a schema and a module at once."""
    if not NAME.fullmatch(name):
        raise Refused(f"{name!r}: lower case letters, digits and _, beginning with a letter")
    if name in TAKEN or keyword.iskeyword(name) or name in sys.stdlib_module_names or hasattr(World(), name):
        raise Refused(f"{name!r} is taken; choose another name")
    if (root / f"sandbox/{name}.py").exists():
        raise Refused(f"{name!r} is taken by sandbox/{name}.py; choose another name")
    if (root / "plugins/trackers" / name).exists():
        raise Refused(f"there is a tracker {name!r} already")


def facts(name: str, root: Path) -> dict[str, str]:
    """Return what templates and edits speak of."""
    revisions = sorted(path.name[:4] for path in (root / "migrations/versions").glob("[0-9]*.py"))
    return {
        "name": name,
        "upper": name.upper(),
        "pascal": "".join(part.capitalize() for part in name.split("_")),
        "title": name.replace("_", " ").capitalize(),
        "before": revisions[-1],
        "revision": f"{int(revisions[-1]) + 1:04d}",
    }


def files(told: dict[str, str]) -> dict[str, str]:
    """Return the new files by path."""
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
        path = path.replace("REVISION", told["revision"]).replace("NAME", told["name"])
        found[path] = environment.from_string(template.read_text(encoding="utf-8")).render(told)
    return found


def after(marker: str, addition: str) -> Edit:
    """Return an edit that adds a text behind the first occurrence of another."""

    def edit(text: str) -> str:
        if marker not in text:
            raise Refused(f"expected to find {marker!r}")
        return text.replace(marker, marker + addition, 1)

    return edit


def before(marker: str, addition: str) -> Edit:
    """Return an edit that adds a text in front of the first occurrence of another."""

    def edit(text: str) -> str:
        if marker not in text:
            raise Refused(f"expected to find {marker!r}")
        return text.replace(marker, addition + marker, 1)

    return edit


def edits(told: dict[str, str]) -> dict[str, list[Edit]]:
    """Return what is registered where."""
    name, pascal, title = told["name"], told["pascal"], told["title"]
    collector = f"operators.{name}_collector import {pascal}Collector"
    return {
        "plugins/core/commands.py": [
            before('        "run_wg21_paper_tracker",', f'        "run_{name}_tracker",\n')
        ],
        "plugins/core/settings.py": [
            before(
                "    pinecone_api_key = Setting(",
                f"    {name}_pinecone_app_type = "
                f'Setting(as_text, "{name}", "Key of {title} in the vector index", '
                f'env=("{told["upper"]}_PINECONE_APP_TYPE",), section=INDEX)\n'
                f'    {name}_pinecone_namespace = Setting(as_text, "{name}", "Its namespace", '
                f'env=("{told["upper"]}_PINECONE_NAMESPACE",), section=INDEX)\n',
            )
        ],
        "plugins/operators/registry.py": [
            after(
                "from operators.mailing_list_collector import MailingListCollector\n", f"from {collector}\n"
            ),
            before("        MailingListCollector,", f"        {pascal}Collector,\n"),
        ],
        "plugins/operators/sources.py": [
            after(
                "from operators.mailing_list_collector import MailingListCollector\n", f"from {collector}\n"
            ),
            before(
                "from trackers.mailing_list.documents",
                f"from trackers.{name}.documents import documents as {name}_documents\n",
            ),
            after(
                '        "mailing_list_pinecone_namespace",\n    ),\n',
                f"    IndexedSource(\n        {pascal}Collector.command,\n        {name}_documents,\n"
                f'        "{name}_pinecone_app_type",\n        "{name}_pinecone_namespace",\n    ),\n',
            ),
        ],
        "plugins/trackers/schema.py": [
            after("import trackers.pinecone.tables\n", f"import trackers.{name}.tables\n"),
            after("    trackers.pinecone.tables.SCHEMA,\n", f"    trackers.{name}.tables.SCHEMA,\n"),
        ],
        "pyproject.toml": [
            after("| trackers.mailing_list ", f"| trackers.{name} "),
            after(
                '"trackers.pinecone.** -> trackers.pinecone.**"',
                f', "trackers.{name}.** -> trackers.{name}.**"',
            ),
        ],
        "include/schedule.yaml": [
            lambda text: (
                text.rstrip("\n")
                + f'\n  {name}:\n    default_time: "02:00"\n    description: {title}.\n    tasks:\n'
                f"      - command: run_{name}_tracker\n        schedule: daily\n"
            )
        ],
        "README.md": [
            before(
                "| each group's last task |",
                f"| `collect_{name}` | daily 02:00 | `run_{name}_tracker` | `{name}.item` | `{name}_api` |\n",
            )
        ],
        "CHANGELOG.md": [after("## 0.1.0 (unreleased)\n\n", f"* {title} is collected.\n")],
    }


def make(name: str, root: Path = ROOT) -> list[str]:
    """Write everything, or nothing; return the paths written."""
    check(name, root)
    told = facts(name, root)
    written = files(told)
    if taken := [path for path in written if (root / path).exists()]:
        raise Refused(f"there already: {', '.join(taken)}")
    for path, changes in edits(told).items():
        text = (root / path).read_text(encoding="utf-8")
        for change in changes:
            try:
                text = change(text)
            except Refused as error:
                raise Refused(f"{path}: {error}") from None
        written[path] = text
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
    """Read the name and write."""
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
    print("\nNow: `make docs fmt lint test-fast`, then make the sandbox answer as the service does.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
