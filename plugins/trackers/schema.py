"""Every table of the project, for migrations and tests: importing it registers them all."""

from __future__ import annotations

import trackers.identity.tables
import trackers.mailing_list.tables
import trackers.pinecone.tables
from core.tables import metadata

SCHEMAS = (
    "core",
    trackers.identity.tables.SCHEMA,
    trackers.mailing_list.tables.SCHEMA,
    trackers.pinecone.tables.SCHEMA,
)

__all__ = ["SCHEMAS", "metadata"]
