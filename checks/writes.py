"""A tracker writes only in its `store.py` and only to its own schema, and runs only its own SQL files."""

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
"""Functions that run a file of `include/sql/` by its name."""
MERGES = ("merge", "merge_keys")


def written(text: str) -> set[str]:
    """Return the schemas that SQL writes to, except for temporary tables."""
    return {schema.lower() for schema, _ in WRITE.findall(text)} - {SESSION}


def problems(root: Path = ROOT) -> list[str]:
    """Return a message for each violation of the rule."""
    schemas = {file.name: written(file.text) for file in sql_files(root)}
    found = [
        f"include/sql/{name}.sql writes to {schema}, which is not its own schema"
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
                    yield f"{module.name}:{node.lineno} writes to {schema} in SQL; only its store.py may"


def _may_write(module: Module) -> str:
    """Return the schema that a module may write to."""
    if module.name.split(".")[0] == "core":
        return "core"
    return module.tracker if module.name.endswith(".store") else ""


def _of_call(module: Module, call: ast.Call, owner: str, schemas: dict[str, set[str]]) -> Iterator[str]:
    called = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    if called in RUNS_SQL:
        if _is_hidden(module, call):
            yield f"{module.name}:{call.lineno} names its SQL file at run time; write the name there"
        named = {name for argument in _arguments(call) for name in _files(argument, schemas)}
        for schema in sorted(set().union(*(schemas[name] for name in named))):
            if schema != owner:
                yield f"{module.name}:{call.lineno} runs SQL that writes to {schema}; only its store.py may"
        for folder in sorted({name.partition("/")[0] for name in named} - {module.tracker}):
            if module.tracker:
                yield f"{module.name}:{call.lineno} runs an SQL file of {folder}; a tracker runs only its own"
    elif called in MERGES and not owner:
        yield f"{module.name}:{call.lineno} merges rows; only store.py may"


def _arguments(call: ast.Call) -> list[ast.expr]:
    """Return the arguments that may name the SQL file: the first two and the keyword `name`."""
    return [*call.args[:2], *(keyword.value for keyword in call.keywords if keyword.arg == "name")]


def _literal_head(text: ast.JoinedStr) -> str:
    """Return what an f-string begins with, as far as that is written there."""
    head = text.values[0] if text.values else None
    return str(head.value) if isinstance(head, ast.Constant) else ""


def _is_hidden(module: Module, call: ast.Call) -> bool:
    """Say whether a tracker gives a verb a name that cannot be read here; a store may pass one on."""
    if not module.tracker or module.name.endswith(".store") or not isinstance(call.func, ast.Name):
        return False
    named = [keyword.value for keyword in call.keywords if keyword.arg == "name"] or call.args[1:2]
    return any(
        not isinstance(name, ast.Constant) and not (isinstance(name, ast.JoinedStr) and _literal_head(name))
        for name in named
    )


def _files(argument: ast.expr, schemas: dict[str, set[str]]) -> set[str]:
    """Return the SQL files that an argument may name: for an f-string, all with its prefix."""
    if isinstance(argument, ast.Constant):
        return {str(argument.value)} & schemas.keys()
    if isinstance(argument, ast.JoinedStr) and _literal_head(argument):
        return {name for name in schemas if name.startswith(_literal_head(argument))}
    return set()


def main() -> int:
    """Print the violations; return the exit status."""
    found = problems()
    print("\n".join(found) or "every write is in the store.py of its tracker")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
