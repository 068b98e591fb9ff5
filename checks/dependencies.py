"""Dependencies between trackers: foreign keys, imports and SQL reads, each with its reason.

`python -m checks.dependencies` writes docs/cross-tracker-dependencies.md; `--format csv` prints instead,
`--no-tests` omits what only tests use.
"""

from __future__ import annotations

import argparse
import ast
import csv
import io
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from checks.source_code import ROOT, modules, sql_files
from trackers.schema import SCHEMAS, metadata

PAGE = ROOT / "docs" / "cross-tracker-dependencies.md"
QUALIFIED = re.compile(r"\b(?:FROM|JOIN)\s+([a-z_]+)\.([a-z_]+)", re.IGNORECASE)
HEAD = """# What trackers use of each other

Written by `make docs`; a test checks that it is current. A tracker is used through its `api.py` only;
`READABLE` in that module names the tables that other trackers may read in SQL.

| From | Uses | What | How | Why |
|---|---|---|---|---|
"""


@dataclass(frozen=True, order=True)
class Edge:
    """One use of one tracker by another."""

    user: str
    used: str
    what: str
    how: str
    why: str


def edges(*, tests: bool = True) -> list[Edge]:
    """Return all dependencies, sorted."""
    found = {*_foreign_keys(), *_imports("plugins"), *_reads()}
    if tests:
        found |= set(_imports("tests"))
    return sorted(found)


def undeclared() -> list[str]:
    """Return SQL reads of another tracker's table that its `api.py` does not offer."""
    return [
        f"{e.user} reads {e.what}, which trackers.{e.used}.api does not offer" for e in _reads() if not e.why
    ]


def _foreign_keys() -> Iterator[Edge]:
    for table in metadata.sorted_tables:
        for key in table.foreign_keys:
            target = key.column.table
            if table.schema != target.schema:
                what = f"{target.fullname}.{key.column.name}"
                column = key.parent
                why = column.comment or f"{column.name} of {table.fullname}"
                yield Edge(str(table.schema), str(target.schema), what, "foreign key", why)


def _imports(folder: str) -> Iterator[Edge]:
    for module in modules(ROOT, folder):
        user = module.tracker if folder == "plugins" else "tests"
        if not user:
            continue
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("trackers."):
                used = node.module.split(".")[1]
                if used not in (user, "schema") and (user != "tests" or node.module.endswith(".api")):
                    for alias in node.names:
                        yield Edge(
                            user, used, f"{node.module}.{alias.name}", "import", _doc(node.module, alias.name)
                        )


def _doc(module: str, name: str) -> str:
    """Return the first line of a name's docstring."""
    value = getattr(import_module(module), name, None)
    doc = (getattr(value, "__doc__", None) or "") if callable(value) else "a constant"
    return doc.strip().partition("\n")[0]


def _reads() -> Iterator[Edge]:
    for file in sql_files():
        for schema, table in QUALIFIED.findall(file.text):
            if schema in SCHEMAS and schema not in ("core", file.folder) and file.folder != "core":
                has_api = find_spec(f"trackers.{schema}.api") is not None
                offered = getattr(import_module(f"trackers.{schema}.api"), "READABLE", {}) if has_api else {}
                what = f"{schema}.{table}"
                yield Edge(file.folder, schema, what, f"SQL read in {file.path.stem}", offered.get(what, ""))


def as_markdown(found: Iterable[Edge]) -> str:
    """Return the page as Markdown."""
    return HEAD + "".join(f"| {' | '.join(astuple(edge))} |\n" for edge in found)


def as_csv(found: Iterable[Edge]) -> str:
    """Return the dependencies as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("from", "uses", "what", "how", "why"))
    writer.writerows(map(astuple, found))
    return text.getvalue()


def main(argv: list[str] | None = None) -> int:
    """Write the page, or print the dependencies."""
    parser = argparse.ArgumentParser(prog="python -m checks.dependencies", description=__doc__)
    parser.add_argument("--no-tests", action="store_true")
    parser.add_argument("--format", choices=("markdown", "csv"), default="markdown")
    parser.add_argument("--output", type=Path, help="default: the page in docs/ for markdown, else print")
    options = parser.parse_args(argv)
    found = edges(tests=not options.no_tests)
    if options.format == "csv":
        text, target = as_csv(found), options.output
    else:
        text, target = as_markdown(found), options.output or (None if options.no_tests else PAGE)
    if target is None:
        print(text, end="")
    else:
        target.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
