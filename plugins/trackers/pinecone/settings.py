"""The settings of the sync: how documents are split, selected and sent."""

from __future__ import annotations

from core.settings import Setting, SettingsGroup, as_count, as_flag, as_positive
from trackers.pinecone.pinecone_limits import RECORDS_PER_UPSERT


def as_batch_size(raw: str) -> int:
    """Accept a whole number from 1 to Pinecone's limit of records per upload."""
    if (number := as_positive(raw)) > RECORDS_PER_UPSERT:
        raise ValueError(f"Pinecone accepts at most {RECORDS_PER_UPSERT} records")
    return number


class PineconeSettings(SettingsGroup):
    """Sizes and thresholds of a sync."""

    prefix = "pinecone"
    section = "Vector index"

    batch_size = Setting(
        as_batch_size,
        RECORDS_PER_UPSERT,
        f"Records per upload; Pinecone accepts at most {RECORDS_PER_UPSERT}",
        env=("PINECONE_BATCH_SIZE",),
    )
    batches_in_flight = Setting(as_positive, 8, "Concurrent uploads and updates of metadata")
    chunk_size = Setting(as_positive, 1000, "Characters per chunk", env=("PINECONE_CHUNK_SIZE",))
    chunk_overlap = Setting(
        as_count, 200, "Characters that neighbouring chunks share", env=("PINECONE_CHUNK_OVERLAP",)
    )
    min_text_length = Setting(
        as_count, 50, "Shorter chunks are not searchable", env=("PINECONE_MIN_TEXT_LENGTH",)
    )
    min_words = Setting(as_count, 5, "Chunks of fewer words are not searchable", env=("PINECONE_MIN_WORDS",))
    keep_short_documents = Setting(
        as_flag, False, "Upload even documents that are too short, if they have at least two words"
    )
