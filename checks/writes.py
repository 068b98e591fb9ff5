"""Writes happen in a tracker's own `store.py`, to its own schema; a tracker runs its own SQL files only."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from checks.source_code import ROOT, Module, modules, sql_files

WRITE = re.compile(
    r"\b(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM|TRUNCATE(?:\s+TABLE)?|COPY)\s+(?:ONLY\s+)?([a-z_]+)\.([a-z_]+)",
    re.IGNORECASE,
)
SESSION = "pg_temp"
RUNS_SQL = ("sql", "fetch", "fetch_one", "execute", "pages")
"""What runs a file of `include/sql/` by its name."""
MERGES = ("merge", "merge_keys")


def written(text: str) -> set[str]:
    """Return the schemas that SQL writes to; temporary tables are nobody's."""
    return {schema.lower() for schema, _ in WRITE.findall(text)} - {SESSION}


def problems(root: Path = ROOT) -> list[str]:
    """Return every place that breaks the rule."""
    schemas = {file.name: written(file.text) for file in sql_files(root)}
    found = [
        f"include/sql/{name}.sql writes to {schema}, which is not its own"
        for name, targets in schemas.items()
        for schema in sorted(targets)
        if schema != name.partition("/")[0]
    ]
    for module in modules(root):
        found += _of_module(module, schemas)
    return found


def _of_module(module: Module, schemas: dict[str, set[str]]) -> Iterator[str]:
    owner = _may_write(module)
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call):
            yield from _of_call(module, node, owner, schemas)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            for schema in sorted(written(node.value)):
                if schema != owner:
                    yield f"{module.name}:{node.lineno} writes to {schema} with SQL of its own"


def _may_write(module: Module) -> str:
    """Return the schema that a module may write to."""
    if module.name.split(".")[0] == "core":
        return "core"
    return module.tracker if module.name.endswith(".store") else ""


def _of_call(module: Module, call: ast.Call, owner: str, schemas: dict[str, set[str]]) -> Iterator[str]:
    called = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    if called in RUNS_SQL:
        named = {name for argument in _arguments(call) for name in _files(argument, schemas)}
        for schema in sorted(set().union(*(schemas[name] for name in named))):
            if schema != owner:
                yield f"{module.name}:{call.lineno} runs SQL that writes to {schema}, not its store.py"
        for folder in sorted({name.partition("/")[0] for name in named} - {module.tracker}):
            if module.tracker:
                yield f"{module.name}:{call.lineno} runs SQL of {folder}, not its own"
    elif called in MERGES and not owner:
        yield f"{module.name}:{call.lineno} merges rows; that is for store.py"


def _arguments(call: ast.Call) -> list[ast.expr]:
    """Return whatever may name the SQL file: the verbs take it second, or by keyword."""
    return [*call.args[:2], *(keyword.value for keyword in call.keywords if keyword.arg == "name")]


def _files(argument: ast.expr, schemas: dict[str, set[str]]) -> set[str]:
    """Return the SQL files that an argument may name: of a name made up at run time, all that begin so."""
    if isinstance(argument, ast.Constant):
        return {str(argument.value)} & schemas.keys()
    if isinstance(argument, ast.JoinedStr) and isinstance(argument.values[0], ast.Constant):
        prefix = str(argument.values[0].value)
        return {name for name in schemas if name.startswith(prefix)}
    return set()


def main() -> int:
    """Print what breaks the rule."""
    found = problems()
    print("\n".join(found) or "every write is where it belongs")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
