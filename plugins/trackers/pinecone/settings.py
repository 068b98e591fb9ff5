"""The settings of the sync: how documents are split, judged and sent."""

from __future__ import annotations

from core.settings import Setting, SettingsGroup, as_count, as_flag, as_positive
from trackers.pinecone.limits import RECORDS_PER_UPSERT


def as_batch_size(raw: str) -> int:
    """Accept as many records as one upload may have."""
    if (number := as_positive(raw)) > RECORDS_PER_UPSERT:
        raise ValueError(f"Pinecone takes at most {RECORDS_PER_UPSERT} records")
    return number


class PineconeSettings(SettingsGroup):
    """Sizes and thresholds of a sync."""

    prefix = "pinecone"
    section = "Vector index"

    batch_size = Setting(
        as_batch_size,
        RECORDS_PER_UPSERT,
        f"Records per upload; Pinecone takes at most {RECORDS_PER_UPSERT}",
        env=("PINECONE_BATCH_SIZE",),
    )
    batches_in_flight = Setting(as_positive, 8, "How many uploads overlap")
    update_max_workers = Setting(
        as_positive,
        8,
        "How many metadata updates overlap; 1 is one after another",
        env=("PINECONE_UPDATE_MAX_WORKERS",),
    )
    chunk_size = Setting(as_positive, 1000, "Characters per chunk", env=("PINECONE_CHUNK_SIZE",))
    chunk_overlap = Setting(
        as_count, 200, "Characters that neighbouring chunks share", env=("PINECONE_CHUNK_OVERLAP",)
    )
    min_text_length = Setting(
        as_count, 50, "Shorter chunks are not searchable", env=("PINECONE_MIN_TEXT_LENGTH",)
    )
    min_words = Setting(as_count, 5, "Chunks of fewer words are not searchable", env=("PINECONE_MIN_WORDS",))
    keep_short_documents = Setting(
        as_flag, False, "Upload documents that are too short as a whole, if they have two words"
    )
