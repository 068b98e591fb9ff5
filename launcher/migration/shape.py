"""The parts of a database that Alembic does not compare, with their dependencies."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import psycopg

Named = tuple[str, str]
"""Schema and name of a table or view."""
Column = tuple[str, str, str]
"""Name, type and collation."""

RELATIONS = """
SELECT n.nspname, c.relname, c.relkind = 'v', pg_get_viewdef(c.oid),
       coalesce(obj_description(c.oid, 'pg_class'), ''),
       (SELECT array_agg(ARRAY[a.attname, format_type(a.atttypid, a.atttypmod), coalesce(l.collname, '')]
                         ORDER BY a.attnum)
          FROM pg_attribute AS a
          LEFT JOIN pg_collation AS l ON l.oid = a.attcollation
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
       (SELECT array_agg(DISTINCT ARRAY[m.nspname, u.relname])
          FROM pg_rewrite AS w
          JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
                             AND d.refclassid = 'pg_class'::regclass
          JOIN pg_class AS u ON u.oid = d.refobjid AND u.oid <> c.oid
          JOIN pg_namespace AS m ON m.oid = u.relnamespace
         WHERE w.ev_class = c.oid)
  FROM pg_class AS c
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE n.nspname = ANY(%s) AND c.relkind IN ('r', 'v')
 ORDER BY c.oid
"""
CHECKS = """
SELECT n.nspname, c.relname, k.conname, pg_get_expr(k.conbin, k.conrelid)
  FROM pg_constraint AS k
  JOIN pg_class AS c ON c.oid = k.conrelid
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE n.nspname = ANY(%s) AND k.contype = 'c'
 ORDER BY 1, 2, 3
"""
LITERALS = r"(?:'(?:[^']|'')*'::character varying(?:, )?)+"
IN_LIST = re.compile(rf"\((\w+)\)::text = ANY \(\(ARRAY\[({LITERALS})\]\)::text\[\]\)")
"""How PostgreSQL keeps `state IN ('a', 'b')`. Read back, this becomes yet another form."""


@dataclass(frozen=True)
class View:
    """A view as PostgreSQL keeps it.

    :param uses: tables and other views.
    """

    body: str
    columns: tuple[Column, ...]
    uses: frozenset[Named] = field(compare=False)
    comment: str = ""


@dataclass(frozen=True)
class Shape:
    """Tables, CHECK constraints by table and name, and views in the order in which they were made."""

    schemas: tuple[str, ...]
    tables: dict[Named, tuple[Column, ...]]
    checks: dict[tuple[Named, str], str]
    views: dict[Named, View]

    @classmethod
    def of(cls, url: str, schemas: Sequence[str]) -> Shape:
        """Read a database."""
        with psycopg.connect(url) as conn:
            relations = conn.execute(RELATIONS, (list(schemas),)).fetchall()
            checks = conn.execute(CHECKS, (list(schemas),)).fetchall()
        tables: dict[Named, tuple[Column, ...]] = {}
        views: dict[Named, View] = {}
        for schema, name, is_view, body, comment, columns, uses in relations:
            typed = tuple((column, kind, collation) for column, kind, collation in columns or ())
            if is_view:
                used = frozenset((other_schema, other) for other_schema, other in uses or ())
                views[schema, name] = View(body, typed, used, comment)
            else:
                tables[schema, name] = typed
        conditions = {((schema, table), name): condition for schema, table, name, condition in checks}
        return cls(tuple(schemas), tables, conditions, views)

    def changed_checks(self, other: Shape) -> list[tuple[Named, str]]:
        """Return the checks of common tables that are missing or different in another database."""
        return [
            (table, name)
            for (table, name), condition in self.checks.items()
            if table in other.tables and other.checks.get((table, name)) != condition
        ]

    def changed_views(self, other: Shape) -> list[Named]:
        """Return the views that are missing or different in another database, or that block a change."""
        changed = {table for table in self.tables if self._is_retyped(table, other)}
        found = []
        for name, view in self.views.items():
            if other.views.get(name) != view or view.uses & changed:
                changed.add(name)
                found.append(name)
        return found

    def _is_retyped(self, table: Named, other: Shape) -> bool:
        """Whether the type of a common column changes: PostgreSQL refuses that while a view uses it."""
        theirs = {column[0]: column for column in other.tables.get(table, ())}
        return any(theirs.get(column[0], column) != column for column in self.tables[table])


def as_written(condition: str) -> str:
    """Return a condition in the form that PostgreSQL will keep as this one."""
    return IN_LIST.sub(lambda m: f"{m[1]} IN ({m[2].replace('::character varying', '')})", condition)
