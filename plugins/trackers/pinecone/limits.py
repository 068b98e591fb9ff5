"""How the engine cuts, checks and sends; one object, made from the settings once."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import ConfigurationError
from core.settings import MOST_RECORDS, Settings

METADATA_BYTES = 40 * 1024
ID_LENGTH = 512
REQUEST_BYTES = 2 * 1024 * 1024 - 64 * 1024
"""A little below Pinecone's 2 MB."""
DELETE_IDS = 1000


@dataclass(frozen=True)
class EngineLimits:
    """Sizes and thresholds of a sync."""

    batch_size: int = MOST_RECORDS
    batch_bytes: int = REQUEST_BYTES
    in_flight: int = 8
    update_workers: int = 8
    chunk_size: int = 1000
    chunk_overlap: int = 200
    min_length: int = 50
    min_words: int = 5
    keep_short_documents: bool = False
    window: int = 500
    """Documents compared with the ledger at a time."""
    window_bytes: int = 8 * 1024 * 1024

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if self.chunk_overlap > self.chunk_size:
            raise ConfigurationError(
                f"pinecone_chunk_overlap ({self.chunk_overlap}) is larger than pinecone_chunk_size "
                f"({self.chunk_size})"
            )
        if not 1 <= self.batch_size <= MOST_RECORDS:
            raise ConfigurationError(f"pinecone_batch_size must be between 1 and {MOST_RECORDS}")

    @classmethod
    def from_settings(cls, settings: Settings) -> EngineLimits:
        """Read the settings."""
        return cls(
            batch_size=settings.pinecone_batch_size,
            in_flight=settings.pinecone_batches_in_flight,
            update_workers=settings.pinecone_update_max_workers,
            chunk_size=settings.pinecone_chunk_size,
            chunk_overlap=settings.pinecone_chunk_overlap,
            min_length=settings.pinecone_min_text_length,
            min_words=settings.pinecone_min_words,
            keep_short_documents=settings.pinecone_keep_short_documents,
        )
