"""Every table of the project, for migrations and tests: this imports the `tables.py` of each tracker."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from core.tables import SCHEMA, metadata

_tables = [
    import_module(f"trackers.{path.parent.name}.tables")
    for path in sorted(Path(__file__).parent.glob("*/tables.py"))
]
SCHEMAS: tuple[str, ...] = (SCHEMA, *(module.SCHEMA for module in _tables))
"""One per tracker that stores something; one that only has views declares its schema, too."""

__all__ = ["SCHEMAS", "metadata"]
