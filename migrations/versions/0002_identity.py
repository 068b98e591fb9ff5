"""The identity schema: profiles, addresses and names. The tables of accounts come with their platforms."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE SCHEMA IF NOT EXISTS identity")
    op.create_table(
        "profile",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("type", sa.String(length=20), nullable=False, comment="The platform"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("profile_pkey")),
        sa.UniqueConstraint("id", "type", name=op.f("profile_id_type_key")),
        schema="identity",
        comment="One account on one platform; exactly one row of the platform's table has the same id and type",
    )
    op.create_index(op.f("profile_type_idx"), "profile", ["type"], unique=False, schema="identity")
    op.create_table(
        "email",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("profile_id", sa.BigInteger(), nullable=False),
        sa.Column("email", sa.String(length=255), nullable=False, comment="As posted, lower case"),
        sa.Column(
            "email_key",
            sa.String(length=255),
            server_default="",
            nullable=False,
            comment="Normal form for comparing; empty if the address is unusable",
        ),
        sa.Column("is_primary", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column(
            "is_shared",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="Belongs to a list or a role, by its pattern; never evidence for who somebody is",
        ),
        sa.Column(
            "source", sa.String(length=64), server_default="", nullable=False, comment="Tracker that saw it"
        ),
        sa.Column(
            "first_seen_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="By the sender's own date; null if that is unknown",
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["profile_id"], ["identity.profile.id"], name=op.f("email_profile_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("email_pkey")),
        schema="identity",
        comment="Addresses of a profile; an address may belong to several profiles",
    )
    op.create_index(op.f("email_email_key_idx"), "email", ["email_key"], unique=False, schema="identity")
    op.create_index(
        "email_one_primary_key",
        "email",
        ["profile_id"],
        unique=True,
        schema="identity",
        postgresql_where=sa.text("is_primary"),
    )
    op.create_index(op.f("email_profile_id_idx"), "email", ["profile_id"], unique=False, schema="identity")
    op.create_index(
        "email_profile_id_lower_key",
        "email",
        ["profile_id", sa.literal_column("lower(email)")],
        unique=True,
        schema="identity",
    )
    op.create_table(
        "profile_alias",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("profile_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "kind",
            sa.String(length=16),
            server_default="name",
            nullable=False,
            comment="A login is evidence of another kind than a name",
        ),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column(
            "name_key",
            sa.String(length=255),
            server_default="",
            nullable=False,
            comment="Normal form for comparing",
        ),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('name', 'login')", name=op.f("profile_alias_kind_check")),
        sa.ForeignKeyConstraint(
            ["profile_id"],
            ["identity.profile.id"],
            name=op.f("profile_alias_profile_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("profile_alias_pkey")),
        sa.UniqueConstraint(
            "profile_id", "kind", "name", name=op.f("profile_alias_profile_id_kind_name_key")
        ),
        schema="identity",
        comment="Every name and login that a profile was seen with",
    )
    op.create_index(
        op.f("profile_alias_name_key_idx"), "profile_alias", ["name_key"], unique=False, schema="identity"
    )


def downgrade() -> None:
    op.drop_table("profile_alias", schema="identity")
    op.drop_table("email", schema="identity")
    op.drop_table("profile", schema="identity")
    op.execute("DROP SCHEMA identity")
