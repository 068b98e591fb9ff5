"""Natural keys of rows, found from the declarations of tables: what a row is called by without its number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from sqlalchemy import (
    Column,
    ColumnElement,
    ForeignKey,
    FromClause,
    String,
    Table,
    UniqueConstraint,
    func,
    literal,
    select,
)
from sqlalchemy.sql.util import ClauseAdapter

from core.tables import OURS

Value: TypeAlias = "ColumnElement[Any]"


class NoNaturalKey(ValueError):
    """Rows of a table can be told apart only by their numbers."""


def value_of(column: Column[Any], row: FromClause, above: tuple[Table, ...] = ()) -> Value:
    """Return a column of a row; where it holds the number of another row, that row's natural key."""
    for key in column.foreign_keys:
        if _is_number(key.column):
            parent = key.column.table.alias()
            found = select(natural_key(key.column.table, parent, above))
            return found.where(parent.c[key.column.name] == row.c[column.name]).scalar_subquery()
    return row.c[column.name]


def natural_key(table: Table, row: FromClause, above: tuple[Table, ...] = ()) -> Value:
    """Return the natural key of a row as a JSON array.

    It is the first unique key without a number of its own, else the key of the row that extends this one: a row of
    another table whose primary key refers to it.

    :param above: tables whose keys are being made, so they cannot be part of this one.
    """
    if table not in above:
        above = (*above, table)
        for parts in _unique_keys(table, row):
            try:
                values = [value_of(p, row, above) if isinstance(p, Column) else p for p in parts]
            except NoNaturalKey:
                continue
            return func.jsonb_build_array(*values)
        if extensions := list(_extensions(table, row, above)):
            return func.coalesce(*extensions)
    raise NoNaturalKey(
        f"{table.fullname} has no natural key: give it a unique constraint over columns that are not null,"
        " or mark it with info={OURS: True} if its rows do not come from a source"
    )


def is_own_number(column: Column[Any]) -> bool:
    """Return whether the database numbers the rows in this column."""
    return column.identity is not None or column is column.table.autoincrement_column


def _is_number(column: Column[Any]) -> bool:
    """Return whether a column holds a number that the database gave, to this row or to one that it extends."""
    return is_own_number(column) or any(_is_number(key.column) for key in column.foreign_keys)


def _unique_keys(table: Table, row: FromClause) -> Iterator[list[Any]]:
    """Yield the columns and expressions of each unique key that every row has, the primary key first."""
    unique = [c for c in table.constraints if isinstance(c, UniqueConstraint)]
    indexes = [i for i in table.indexes if i.unique and i.dialect_options["postgresql"]["where"] is None]
    for columns in (table.primary_key.columns, *(c.columns for c in sorted(unique, key=_name))):
        if columns and all(map(_may_identify, columns)):
            yield list(columns)
    for index in sorted(indexes, key=_name):
        if all(map(_may_identify, index.columns)):
            adapter = ClauseAdapter(row)
            yield [e if isinstance(e, Column) else adapter.traverse(e) for e in index.expressions]


def _may_identify(column: Column[Any]) -> bool:
    return not (column.nullable or is_own_number(column) or column.info.get(OURS))


def _extensions(table: Table, row: FromClause, above: tuple[Table, ...]) -> Iterator[Value]:
    """Yield the keys of the rows that may extend this one, each with the name of its table."""
    for name, other in sorted(table.metadata.tables.items()):
        number = _number_of_extended(other, table)
        if number is None:
            continue
        extension = other.alias()
        # If the other table is above, its row is the one that extends this row, and its key is asked for.
        key = natural_key(other, extension, above)
        found = select(func.jsonb_build_array(literal(str(name), String), key))
        yield found.where(extension.c[number.parent.name] == row.c[number.column.name]).scalar_subquery()


def _number_of_extended(other: Table, table: Table) -> ForeignKey | None:
    """Return the foreign key by which the rows of another table extend those of this one, if they do."""
    if len(other.primary_key.columns) != 1:
        return None
    (column,) = other.primary_key.columns
    return next((k for k in column.foreign_keys if k.column.table is table and is_own_number(k.column)), None)


def _name(named: Any) -> str:
    return str(named.name)
