"""The parts of SQL templates that depend on a platform's table, composed once per platform. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from psycopg import sql as compose

from trackers.identity.platforms import DISPLAY_NAME, Platform

NEWER = """(w.{column} IS NOT NULL AND (
    NOT p.as_of ? {name}
    OR ((p.as_of ->> {name})::timestamptz, p.{column}::text COLLATE "C")
       < ((w.as_of ->> {name})::timestamptz, w.{column}::text COLLATE "C")))"""
"""Whether a sighting's value is newer than the stored one; of two of the same time the greater one is."""


@cache
def parts_of(platform: Platform) -> dict[str, compose.Composable]:
    """Return what takes the place of `{…}` in the templates."""
    newer = {column: _newer(column) for column in platform.newest}
    names = [column for column in (DISPLAY_NAME, platform.login) if column in newer]
    return {
        "table": compose.Identifier(str(platform.table.schema), platform.table.name),
        "key": compose.Identifier(platform.key),
        "newer": _either(newer.values()),
        "renamed": _either(
            _of(column, "({newer} AND p.{column} <> w.{column})", newer=newer[column]) for column in names
        ),
        "assignments": compose.SQL(",\n       ").join(
            _of(column, "{column} = CASE WHEN {newer} THEN w.{column} ELSE p.{column} END", newer=test)
            for column, test in newer.items()
        ),
        "times": compose.SQL(", ").join(
            _of(column, "{name}, CASE WHEN {newer} THEN w.as_of -> {name} END", newer=test)
            for column, test in newer.items()
        ),
    }


def _newer(column: str) -> compose.Composed:
    return _of(column, NEWER)


def _of(column: str, template: str, **parts: compose.Composable) -> compose.Composed:
    identifier, literal = compose.Identifier(column), compose.Literal(column)
    return compose.SQL(template).format(column=identifier, name=literal, **parts)


def _either(conditions: Iterable[compose.Composable]) -> compose.Composable:
    found = list(conditions)
    return compose.SQL(" OR ").join(found) if found else compose.SQL("false")
