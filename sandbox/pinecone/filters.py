"""Metadata filters of searches: comparisons joined by `$and` and `$or`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sandbox.pinecone.limits import Refused


def _equal(stored: Any, wanted: Any) -> bool:
    return wanted in stored if isinstance(stored, list) else stored == wanted


def _ordered(compare: Callable[[float, float], bool]) -> Callable[[Any, Any], bool]:
    def check(stored: Any, wanted: Any) -> bool:
        return isinstance(stored, (int, float)) and compare(stored, wanted)

    return check


OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "$eq": _equal,
    "$ne": lambda stored, wanted: not _equal(stored, wanted),
    "$gt": _ordered(lambda a, b: a > b),
    "$gte": _ordered(lambda a, b: a >= b),
    "$lt": _ordered(lambda a, b: a < b),
    "$lte": _ordered(lambda a, b: a <= b),
    "$in": lambda stored, wanted: any(_equal(stored, one) for one in wanted),
    "$nin": lambda stored, wanted: not any(_equal(stored, one) for one in wanted),
}


def matches(condition: Mapping[str, Any], fields: Mapping[str, Any]) -> bool:
    """Return whether a record's fields satisfy a filter."""
    return all(_satisfies(name, wanted, fields) for name, wanted in condition.items())


def _satisfies(name: str, wanted: Any, fields: Mapping[str, Any]) -> bool:
    if name in ("$and", "$or"):
        found = (matches(part, fields) for part in wanted)
        return all(found) if name == "$and" else any(found)
    if not isinstance(wanted, dict):
        return _equal(fields.get(name), wanted)
    for operator, value in wanted.items():
        if operator == "$exists":
            if (name in fields) is not bool(value):
                return False
        elif operator not in OPERATORS:
            raise Refused(400, f"'{operator}' is not a valid operator")
        elif not OPERATORS[operator](fields.get(name), value):
            return False
    return True
