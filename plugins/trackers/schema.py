"""All tables of the project, for migrations and tests: importing this module registers every `tables.py`."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from core.tables import SCHEMA, metadata

for _tables in sorted(Path(__file__).parent.glob("*/tables.py")):
    import_module(f"trackers.{_tables.parent.name}.tables")

SCHEMAS = (SCHEMA, *sorted({str(table.schema) for table in metadata.tables.values()} - {SCHEMA}))

__all__ = ["SCHEMAS", "metadata"]
