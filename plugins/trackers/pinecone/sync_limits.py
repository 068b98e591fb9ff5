"""The sizes and thresholds with which the engine splits, checks and sends, read from the settings."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import ConfigurationError
from core.settings import Settings
from trackers.pinecone.pinecone_limits import RECORDS_PER_UPSERT, REQUEST_BYTES
from trackers.pinecone.settings import PineconeSettings


@dataclass(frozen=True)
class SyncLimits:
    """Sizes and thresholds of a sync."""

    batch_size: int = RECORDS_PER_UPSERT
    batch_bytes: int = REQUEST_BYTES
    in_flight: int = 8
    chunk_size: int = 1000
    chunk_overlap: int = 200
    min_length: int = 50
    min_words: int = 5
    keep_short_documents: bool = False
    window: int = 500
    """The number of documents that are compared with the ledger at a time."""
    window_bytes: int = 8 * 1024 * 1024

    def __post_init__(self) -> None:
        """Raise if a value is out of range, or the values contradict each other."""
        if self.chunk_overlap > self.chunk_size:
            raise ConfigurationError(
                f"pinecone_chunk_overlap ({self.chunk_overlap}) is larger than pinecone_chunk_size "
                f"({self.chunk_size})"
            )
        if not 1 <= self.batch_size <= RECORDS_PER_UPSERT:
            raise ConfigurationError(f"pinecone_batch_size must be between 1 and {RECORDS_PER_UPSERT}")

    @classmethod
    def from_settings(cls, settings: Settings) -> SyncLimits:
        """Return the limits with the values of the settings."""
        chosen = settings.of(PineconeSettings)
        return cls(
            batch_size=chosen.batch_size,
            in_flight=chosen.batches_in_flight,
            chunk_size=chosen.chunk_size,
            chunk_overlap=chosen.chunk_overlap,
            min_length=chosen.min_text_length,
            min_words=chosen.min_words,
            keep_short_documents=chosen.keep_short_documents,
        )
