"""The `pinecone` schema: what the vector index holds, what failed, where each sync was left."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Index,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from core.tables import OURS, SUMMARY, metadata, moment, natural_key, surrogate, words

SCHEMA = "pinecone"
INSTANCES = ("public", "private")


def _instance(*, primary_key: bool = False) -> Column[str]:
    return Column("instance", String(16), nullable=False, primary_key=primary_key, comment="Which account")


def _app_type() -> Column[str]:
    return Column("app_type", String(64), nullable=False, comment="Source of the documents")


def _source_ids() -> Column[list[str]]:
    return Column(
        "source_ids",
        ARRAY(Text),
        nullable=False,
        server_default=text("'{}'::text[]"),
        comment="Rows of the source that the document is made of",
    )


ledger = Table(
    "ledger",
    metadata,
    _instance(primary_key=True),
    Column("namespace", String(512), primary_key=True),
    natural_key(
        "record_id", length=512, primary_key=True, comment="Id of the vector, the same in both indexes"
    ),
    _app_type(),
    Column("doc_id", Text, nullable=False, comment="Document that the chunk is of"),
    _source_ids(),
    Column("text_sha256", String(64), nullable=False, comment="Of the text that was embedded"),
    Column("meta_sha256", String(64), nullable=False, comment="Of the metadata, numbers as doubles"),
    moment(
        "synced_at",
        nullable=True,
        comment="When both indexes took this; null while a write is under way or was cut off",
        ours=True,
    ),
    CheckConstraint(f"instance IN {INSTANCES!r}", name="instance"),
    CheckConstraint("length(text_sha256) = 64 AND length(meta_sha256) = 64", name="hashes"),
    Index(None, "app_type", "doc_id"),
    Index(None, "source_ids", postgresql_using="gin"),
    schema=SCHEMA,
    comment="Every chunk that the vector index holds, as far as we wrote it",
    info={
        SUMMARY: {
            "documents": "count(DISTINCT (namespace, doc_id))",
            "chunks": "count(*) FILTER (WHERE synced_at IS NOT NULL)",
        }
    },
)

failed_item = Table(
    "failed_item",
    metadata,
    surrogate(),
    _instance(),
    Column("namespace", String(512), nullable=False),
    _app_type(),
    Column("failed_id", Text, nullable=False, comment="Source id to try again"),
    words("reason", comment="Last error of the index or the sync"),
    Column(
        "attempts",
        SmallInteger,
        nullable=False,
        server_default="0",
        comment="How often it was refused; failures of the service do not count",
        info={OURS: True},
    ),
    Column(
        "dead",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="Refused too often: reported, not tried again until its document changes",
    ),
    moment("last_attempt_at", ours=True),
    moment("next_attempt_at", ours=True),
    moment("created_at", ours=True),
    UniqueConstraint("instance", "namespace", "app_type", "failed_id"),
    CheckConstraint(f"instance IN {INSTANCES!r}", name="instance"),
    schema=SCHEMA,
    comment="Source ids that could not be uploaded; tried again by the next sync",
)

sync_status = Table(
    "sync_status",
    metadata,
    surrogate(),
    _instance(),
    Column("namespace", String(512), nullable=False),
    _app_type(),
    moment(
        "final_sync_at", nullable=True, comment="Everything changed before this is in the index", ours=True
    ),
    words("last_run_id", length=250, comment="DAG run of the last sync"),
    words("last_error", comment="Why the last sync failed; empty if it did not"),
    Column(
        "counts",
        JSONB,
        nullable=False,
        server_default=text("'{}'::jsonb"),
        comment="Of the last sync",
        info={OURS: True},
    ),
    moment("created_at", ours=True),
    moment("updated_at", ours=True),
    UniqueConstraint("instance", "namespace", "app_type"),
    CheckConstraint(f"instance IN {INSTANCES!r}", name="instance"),
    schema=SCHEMA,
    comment="Where the sync of each source was left",
)
