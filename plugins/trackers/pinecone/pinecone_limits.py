"""Pinecone's limits on requests and records."""

from __future__ import annotations

RECORDS_PER_UPSERT = 96
METADATA_BYTES = 40 * 1024
ID_LENGTH = 512
REQUEST_BYTES = 2 * 1024 * 1024 - 64 * 1024
"""Somewhat less than Pinecone's limit of 2 MB."""
DELETE_IDS = 1000
