"""What Alembic does not compare, as operations: schemas, CHECK constraints and views."""

from __future__ import annotations

import re
from dataclasses import dataclass
from textwrap import indent

from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import renderers
from alembic.operations import ops
from sqlalchemy import CheckConstraint, MetaData
from sqlalchemy.sql.elements import conv

from core.sql import sql
from launcher.migration.shape import Named, Shape, as_written

BIND = re.compile(r"(?<![:\w\\]):(?=\w)")
"""What SQLAlchemy would take for a parameter."""


class Statement(ops.MigrateOperation):
    """SQL of several lines."""

    def __init__(self, text: str) -> None:
        self.text = text


@renderers.dispatch_for(Statement)
def render(context: AutogenContext, statement: Statement) -> str:
    """Write a statement as Python."""
    escaped = BIND.sub(r"\\:", statement.text.strip()).replace("\\", "\\\\").replace('"""', '\\"""')
    return f'op.execute(\n    """\n{indent(escaped, "    ")}\n    """\n)'


@dataclass(frozen=True)
class Additions:
    """What goes before and after the operations that Alembic finds."""

    first: list[ops.MigrateOperation]
    last: list[ops.MigrateOperation]


def upgrade(old: Shape, new: Shape, metadata: MetaData) -> Additions:
    """Return the operations from the migrated database to that of the models."""
    constraints = {
        ((table.schema or "", table.name), str(constraint.name)): constraint
        for table in metadata.tables.values()
        for constraint in table.constraints
        if isinstance(constraint, CheckConstraint)
    }
    checks: list[ops.MigrateOperation] = [
        ops.CreateCheckConstraintOp.from_constraint(constraints[check]) for check in new.changed_checks(old)
    ]
    views: list[str] = []
    for schema, name in new.changed_views(old):
        views += [sql(f"{schema}/view_{name}"), *_commented(new, (schema, name))]
    return _between(old, new, checks, views)


def downgrade(new: Shape, old: Shape) -> Additions:
    """Return the operations back, with the definitions as PostgreSQL stores them."""
    checks: list[ops.MigrateOperation] = [
        ops.CreateCheckConstraintOp(
            conv(name), table, as_written(old.checks[(schema, table), name]), schema=schema
        )
        for (schema, table), name in old.changed_checks(new)
    ]
    views: list[str] = []
    for schema, name in old.changed_views(new):
        views.append(f"CREATE VIEW {schema}.{name} AS\n{old.views[schema, name].body}")
        views += _commented(old, (schema, name))
    return _between(new, old, checks, views)


def _between(here: Shape, there: Shape, checks: list[ops.MigrateOperation], views: list[str]) -> Additions:
    first: list[ops.MigrateOperation] = [
        ops.ExecuteSQLOp(f"CREATE SCHEMA IF NOT EXISTS {name}")
        for name in there.schemas
        if name not in here.schemas
    ]
    first += [ops.ExecuteSQLOp(f"DROP VIEW {_dotted(view)}") for view in reversed(here.changed_views(there))]
    first += [
        ops.DropConstraintOp(conv(name), table, type_="check", schema=schema)
        for (schema, table), name in here.changed_checks(there)
    ]
    last = [*checks, *map(Statement, views)]
    last += [ops.ExecuteSQLOp(f"DROP SCHEMA {name}") for name in here.schemas if name not in there.schemas]
    return Additions(first, last)


def _commented(shape: Shape, view: Named) -> list[str]:
    comment = shape.views[view].comment.replace("'", "''")
    return [f"COMMENT ON VIEW {_dotted(view)} IS '{comment}'"] if comment else []


def _dotted(name: Named) -> str:
    return ".".join(name)
