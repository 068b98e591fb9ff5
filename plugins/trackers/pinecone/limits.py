"""What Pinecone takes at most."""

from __future__ import annotations

RECORDS_PER_UPSERT = 96
METADATA_BYTES = 40 * 1024
ID_LENGTH = 512
REQUEST_BYTES = 2 * 1024 * 1024 - 64 * 1024
"""A little below Pinecone's 2 MB."""
DELETE_IDS = 1000
