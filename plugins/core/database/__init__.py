"""All access to PostgreSQL: queries by name, and `merge` for rows."""

from __future__ import annotations

from core.database.connection import Conn, describe, scrubbed
from core.database.merging import MergeCounts, MergedKeys, merge, merge_keys, natural_key
from core.database.queries import execute, fetch, fetch_one, pages

__all__ = [
    "Conn",
    "MergeCounts",
    "MergedKeys",
    "describe",
    "execute",
    "fetch",
    "fetch_one",
    "merge",
    "merge_keys",
    "natural_key",
    "pages",
    "scrubbed",
]
