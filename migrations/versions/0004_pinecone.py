"""The pinecone schema: ledger, failed items, status."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE SCHEMA IF NOT EXISTS pinecone")
    op.create_table(
        "failed_item",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("instance", sa.String(length=16), nullable=False, comment="Which account"),
        sa.Column("namespace", sa.String(length=512), nullable=False),
        sa.Column("app_type", sa.String(length=64), nullable=False, comment="Source of the documents"),
        sa.Column("failed_id", sa.Text(), nullable=False, comment="Source id to try again"),
        sa.Column(
            "reason",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="Last error of the index or the sync",
        ),
        sa.Column(
            "attempts",
            sa.SmallInteger(),
            server_default="0",
            nullable=False,
            comment="How often it was refused; failures of the service do not count",
        ),
        sa.Column(
            "dead",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="Refused too often: reported, not tried again until its document changes",
        ),
        sa.Column("last_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("instance IN ('public', 'private')", name=op.f("failed_item_instance_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("failed_item_pkey")),
        sa.UniqueConstraint(
            "instance",
            "namespace",
            "app_type",
            "failed_id",
            name=op.f("failed_item_instance_namespace_app_type_failed_id_key"),
        ),
        schema="pinecone",
        comment="Source ids that could not be uploaded; tried again by the next sync",
    )
    op.create_table(
        "ledger",
        sa.Column("instance", sa.String(length=16), nullable=False, comment="Which account"),
        sa.Column("namespace", sa.String(length=512), nullable=False),
        sa.Column(
            "record_id",
            sa.String(length=512, collation="C"),
            nullable=False,
            comment="Id of the vector, the same in both indexes",
        ),
        sa.Column("app_type", sa.String(length=64), nullable=False, comment="Source of the documents"),
        sa.Column("doc_id", sa.Text(), nullable=False, comment="Document that the chunk is of"),
        sa.Column(
            "source_ids",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'::text[]"),
            nullable=False,
            comment="Rows of the source that the document is made of",
        ),
        sa.Column(
            "text_sha256", sa.String(length=64), nullable=False, comment="Of the text that was embedded"
        ),
        sa.Column(
            "meta_sha256", sa.String(length=64), nullable=False, comment="Of the metadata, numbers as doubles"
        ),
        sa.Column(
            "synced_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When both indexes took this; null while a write is under way or was cut off",
        ),
        sa.CheckConstraint("instance IN ('public', 'private')", name=op.f("ledger_instance_check")),
        sa.CheckConstraint(
            "length(text_sha256) = 64 AND length(meta_sha256) = 64", name=op.f("ledger_hashes_check")
        ),
        sa.PrimaryKeyConstraint("instance", "namespace", "record_id", name=op.f("ledger_pkey")),
        schema="pinecone",
        comment="Every chunk that the vector index holds, as far as we wrote it",
    )
    op.create_index(
        op.f("ledger_app_type_doc_id_idx"),
        "ledger",
        ["app_type", "doc_id"],
        unique=False,
        schema="pinecone",
    )
    op.create_index(
        op.f("ledger_source_ids_idx"),
        "ledger",
        ["source_ids"],
        unique=False,
        schema="pinecone",
        postgresql_using="gin",
    )
    op.create_table(
        "sync_status",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("instance", sa.String(length=16), nullable=False, comment="Which account"),
        sa.Column("namespace", sa.String(length=512), nullable=False),
        sa.Column("app_type", sa.String(length=64), nullable=False, comment="Source of the documents"),
        sa.Column(
            "final_sync_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Everything changed before this is in the index",
        ),
        sa.Column(
            "last_run_id",
            sa.String(length=250),
            server_default="",
            nullable=False,
            comment="DAG run of the last sync",
        ),
        sa.Column(
            "last_error",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="Why the last sync failed; empty if it did not",
        ),
        sa.Column(
            "counts",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
            comment="Of the last sync",
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("instance IN ('public', 'private')", name=op.f("sync_status_instance_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("sync_status_pkey")),
        sa.UniqueConstraint(
            "instance", "namespace", "app_type", name=op.f("sync_status_instance_namespace_app_type_key")
        ),
        schema="pinecone",
        comment="Where the sync of each source was left",
    )


def downgrade() -> None:
    for table in ("sync_status", "ledger", "failed_item"):
        op.drop_table(table, schema="pinecone")
    op.execute("DROP SCHEMA pinecone")
