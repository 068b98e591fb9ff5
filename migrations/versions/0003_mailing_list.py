"""The mailing_list schema: messages; and the accounts of their senders."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ACTIVITY = """
-- Who wrote what to which list, and when? One row per post that is still in the archive, without addresses.
CREATE VIEW mailing_list.activity AS
SELECT 'mailing_list' AS source_system,
       m.list_name || '/' || m.message_hash AS external_id,
       m.sent_at AS occurred_at,
       'mailing_list.message' AS activity_type,
       md5(p.sender_key) AS actor_external_id,
       nullif(m.url, '') AS source_url,
       left(regexp_replace(regexp_replace(m.subject, '\\s+', ' ', 'g'), '[\\w.+-]+@[\\w-]+\\.[\\w.-]+', '***', 'g'), 200)
           AS summary,
       m.mailing_list_profile_id AS profile_id,
       m.list_name AS place
  FROM mailing_list.message AS m
  JOIN identity.mailing_list_profile AS p ON p.profile_id = m.mailing_list_profile_id
 WHERE m.deleted_at IS NULL
"""
COMMENT = (
    "COMMENT ON VIEW mailing_list.activity IS "
    "'Who wrote what to which list, and when? One row per post that is still in the archive, without addresses.'"
)


def upgrade() -> None:
    op.execute("CREATE SCHEMA IF NOT EXISTS mailing_list")
    op.create_table(
        "mailing_list_profile",
        sa.Column("profile_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("type", sa.String(length=20), server_default="mailing_list", nullable=False),
        sa.Column(
            "sender_key",
            sa.String(length=600, collation="C"),
            nullable=False,
            comment="Who this is: the address; with the name if the address is shared; else the name",
        ),
        sa.Column(
            "display_name",
            sa.String(length=255),
            server_default="",
            nullable=False,
            comment="Name of the earliest sighting",
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "renamed_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="When the account was last given another name",
        ),
        sa.CheckConstraint("type = 'mailing_list'", name=op.f("mailing_list_profile_type_check")),
        sa.ForeignKeyConstraint(
            ["profile_id", "type"],
            ["identity.profile.id", "identity.profile.type"],
            name=op.f("mailing_list_profile_profile_id_type_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("profile_id", name=op.f("mailing_list_profile_pkey")),
        sa.UniqueConstraint("sender_key", name=op.f("mailing_list_profile_sender_key_key")),
        schema="identity",
        comment="Senders on the mailing lists",
    )
    op.create_index(
        op.f("mailing_list_profile_display_name_idx"),
        "mailing_list_profile",
        ["display_name"],
        unique=False,
        schema="identity",
    )
    op.create_index(
        op.f("mailing_list_profile_renamed_at_idx"),
        "mailing_list_profile",
        ["renamed_at"],
        unique=False,
        schema="identity",
    )
    op.create_table(
        "message",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("list_name", sa.String(length=255), nullable=False, comment="Address of the list"),
        sa.Column(
            "message_hash",
            sa.String(length=255, collation="C"),
            nullable=False,
            comment="Base32 of the SHA-1 of the Message-ID",
        ),
        sa.Column("mailing_list_profile_id", sa.BigInteger(), nullable=False, comment="The sender"),
        sa.Column(
            "message_id",
            sa.String(length=998),
            server_default="",
            nullable=False,
            comment="Message-ID without brackets",
        ),
        sa.Column(
            "parent_hash",
            sa.String(length=255),
            server_default="",
            nullable=False,
            comment="Message answered to; empty for roots. No key: it may not be archived",
        ),
        sa.Column(
            "thread_hash",
            sa.String(length=255),
            server_default="",
            nullable=False,
            comment="Message that began the thread",
        ),
        sa.Column("subject", sa.String(length=1024), server_default="", nullable=False),
        sa.Column("content", sa.Text(), server_default="", nullable=False, comment="Plain text body"),
        sa.Column(
            "sender_name", sa.String(length=255), server_default="", nullable=False, comment="As posted"
        ),
        sa.Column(
            "sender_address",
            sa.String(length=255),
            server_default="",
            nullable=False,
            comment="As posted, made readable again; empty if unusable",
        ),
        sa.Column(
            "sent_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="The sender's own Date header, which may be wrong; null if unreadable",
        ),
        sa.Column(
            "url", sa.String(length=1024), server_default="", nullable=False, comment="Page in the archive"
        ),
        sa.Column(
            "attachments",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
            comment="Names, types, sizes",
        ),
        sa.Column(
            "content_hash", sa.String(length=64), nullable=False, comment="SHA-256 of subject and content"
        ),
        sa.Column(
            "listed",
            sa.Boolean(),
            server_default=sa.text("true"),
            nullable=False,
            comment="Was seen in the archive's index",
        ),
        sa.Column(
            "deleted_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When we learned that the archive removed it",
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, comment="First stored"),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="Last time that a stored value really changed",
        ),
        sa.CheckConstraint("message_hash <> ''", name=op.f("message_message_hash_check")),
        sa.ForeignKeyConstraint(
            ["mailing_list_profile_id"],
            ["identity.mailing_list_profile.profile_id"],
            name=op.f("message_mailing_list_profile_id_fkey"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("message_pkey")),
        sa.UniqueConstraint("list_name", "message_hash", name=op.f("message_list_name_message_hash_key")),
        schema="mailing_list",
        comment="One post in one list; a post to two lists is two rows with the same message_hash",
    )
    op.create_index(
        op.f("message_mailing_list_profile_id_idx"),
        "message",
        ["mailing_list_profile_id"],
        unique=False,
        schema="mailing_list",
    )
    op.create_index(
        op.f("message_message_hash_idx"), "message", ["message_hash"], unique=False, schema="mailing_list"
    )
    op.create_index(
        op.f("message_message_id_idx"), "message", ["message_id"], unique=False, schema="mailing_list"
    )
    op.create_index(
        op.f("message_parent_hash_idx"), "message", ["parent_hash"], unique=False, schema="mailing_list"
    )
    op.create_index(op.f("message_sent_at_idx"), "message", ["sent_at"], unique=False, schema="mailing_list")
    op.create_index(
        op.f("message_thread_hash_idx"), "message", ["thread_hash"], unique=False, schema="mailing_list"
    )
    op.create_index(
        op.f("message_updated_at_idx"), "message", ["updated_at"], unique=False, schema="mailing_list"
    )
    op.execute(ACTIVITY)
    op.execute(COMMENT)


def downgrade() -> None:
    op.execute("DROP VIEW mailing_list.activity")
    op.drop_table("message", schema="mailing_list")
    op.drop_table("mailing_list_profile", schema="identity")
    op.execute("DELETE FROM identity.profile WHERE type = 'mailing_list'")
    op.execute("DROP SCHEMA mailing_list")
