"""Writes the next revision with Alembic's autogenerate, and tries it out: up, down and up again."""

from __future__ import annotations

import re
import subprocess
import sys
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.operations import ops
from alembic.script import ScriptDirectory
from sqlalchemy.exc import SQLAlchemyError

from launcher.folders import ROOT
from launcher.migrate import alembic_config
from launcher.migration import operations
from launcher.migration.catalog import Catalog, catalog, create_from_models, differences, schemas_of
from launcher.migration.shape import Shape
from trackers.schema import SCHEMAS, metadata

NAME = re.compile(r"(?=.{1,60}$)[a-z][a-z0-9]*(_[a-z0-9]+)*")
"""What Alembic keeps as it is in the name of the file."""
GENERATED = re.compile(r"^ *# ### .* ###\n", re.MULTILINE)


class Refused(ValueError):
    """A revision that cannot be written, and why."""


@dataclass(frozen=True)
class Proposal:
    """A revision that was written.

    :param problems: why it does not lead to what the models say, or not back; empty if it does both.
    """

    path: Path
    problems: list[str]


def propose(name: str, migrated: str, modelled: str, folder: Path = ROOT / "migrations") -> Proposal | None:
    """Write the revision that is missing; None if models and migrations make the same database.

    :param migrated: address of an empty database, to be migrated.
    :param modelled: address of another, to be made from the models.
    """
    if not NAME.fullmatch(name):
        raise Refused(
            f"{name!r} cannot name a revision: use lower case letters, digits and _, e.g. add_topics"
        )
    config = alembic_config(migrated)
    config.cmd_opts = Namespace(quiet=True)
    config.set_main_option("script_location", str(folder))
    config.set_main_option("truncate_slug_length", "60")
    command.upgrade(config, "head")
    create_from_models(modelled, metadata, SCHEMAS)
    schemas = sorted({*schemas_of(migrated), *SCHEMAS})
    before, expected = catalog(migrated, schemas), catalog(modelled, schemas)
    if before == expected:
        return None
    old, new = Shape.of(migrated, schemas_of(migrated)), Shape.of(modelled, SCHEMAS)
    path = _write(name, config, folder / "versions", old, new)
    if path is None:
        lines = "\n  ".join(differences(before, expected))
        raise Refused(f"models and migrations differ in what must be written by hand:\n  {lines}")
    return Proposal(path, _problems(config, lambda: catalog(migrated, schemas), before, expected))


def _write(name: str, config: Config, versions: Path, old: Shape, new: Shape) -> Path | None:
    """Write what Alembic and we find; None if that is nothing."""

    def complete(context: Any, revision: Any, scripts: list[ops.MigrationScript]) -> None:
        up, down = scripts[0].upgrade_ops, scripts[0].downgrade_ops
        if up is None or down is None:
            raise TypeError("Alembic wrote a revision without operations")
        there, back = operations.upgrade(old, new, metadata), operations.downgrade(new, old)
        up.ops = [*there.first, *up.ops, *there.last]
        down.ops = [*back.first, *down.ops, *back.last]
        if up.is_empty():
            scripts.clear()

    head = ScriptDirectory.from_config(config).get_current_head()
    number = f"{int(head or 0) + 1:04d}"
    title = name.replace("_", " ").capitalize()
    command.revision(config, title, autogenerate=True, rev_id=number, process_revision_directives=complete)
    path = versions / f"{number}_{name}.py"
    if not path.exists():
        return None
    path.write_text(GENERATED.sub("", path.read_text(encoding="utf-8")), encoding="utf-8")
    for how in (("check", "--fix", "--select", "F401,I"), ("format",)):
        ruff = [sys.executable, "-m", "ruff", *how, "-q", "--config", str(ROOT / "pyproject.toml"), str(path)]
        subprocess.run(ruff, check=True)
    return path


def _problems(config: Config, read: Callable[[], Catalog], before: Catalog, expected: Catalog) -> list[str]:
    """Run the revision up, down and up again; return what it does not do."""
    found = []
    try:
        command.upgrade(config, "head")
        found += differences(read(), expected)
        command.downgrade(config, "-1")
        found += [f"after the downgrade, {line}" for line in differences(read(), before)]
        command.upgrade(config, "head")
    except SQLAlchemyError as error:
        found.append(f"it cannot be run: {str(error).splitlines()[0]}")
    return found
