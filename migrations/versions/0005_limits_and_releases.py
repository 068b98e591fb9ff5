"""Releases by consumer, validators of listings, quotas and the blocks that processes hold of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "http_cache",
        sa.Column("source", sa.String(length=64), nullable=False, comment="Tracker package"),
        sa.Column("url", sa.Text(collation="C"), nullable=False, comment="What was asked for"),
        sa.Column("etag", sa.Text(), server_default="", nullable=False),
        sa.Column("last_modified", sa.String(length=64), server_default="", nullable=False),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), nullable=False, comment="When the page was last stored"
        ),
        sa.PrimaryKeyConstraint("source", "url", name=op.f("http_cache_pkey")),
        schema="core",
        comment="Validators, saved with the page they validate: an unchanged listing costs no quota",
    )
    op.create_table(
        "rate_lease",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("identity", sa.String(length=250), nullable=False),
        sa.Column("resource", sa.String(length=64), nullable=False),
        sa.Column("granted", sa.Integer(), nullable=False, comment="Requests that its holder may send"),
        sa.Column("slots", sa.Integer(), nullable=False, comment="How many of them at a time"),
        sa.Column(
            "used",
            sa.Integer(),
            nullable=True,
            comment="Told at the end; null while the lease lives or if its holder died",
        ),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "expires_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="Nothing is sent under it after this",
        ),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("rate_lease_pkey")),
        schema="core",
        comment="Blocks of requests that processes hold; those of dead ones expire",
    )
    op.create_index(
        op.f("rate_lease_identity_resource_expires_at_idx"),
        "rate_lease",
        ["identity", "resource", "expires_at"],
        unique=False,
        schema="core",
    )
    op.create_table(
        "rate_quota",
        sa.Column("identity", sa.String(length=250), nullable=False, comment="Who is limited, never a token"),
        sa.Column("resource", sa.String(length=64), nullable=False),
        sa.Column(
            "remaining",
            sa.Integer(),
            nullable=True,
            comment="Not yet given out until the reset; null while the source has not told",
        ),
        sa.Column("quota", sa.Integer(), nullable=True, comment="Per window, as the source told"),
        sa.Column(
            "reset_at", sa.DateTime(timezone=True), nullable=True, comment="When the source gives out anew"
        ),
        sa.Column(
            "blocked_until",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="The source asked everybody to wait",
        ),
        sa.PrimaryKeyConstraint("identity", "resource", name=op.f("rate_quota_pkey")),
        schema="core",
        comment="What is left of each identity's quota; a block is taken at a time",
    )
    op.create_table(
        "release_consumption",
        sa.Column("consumer", sa.String(length=250), nullable=False, comment="<group>.<task>"),
        sa.Column("version", sa.String(length=64), nullable=False, comment="Boost release, e.g. 1.90.0"),
        sa.Column("consumed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("consumer", "version", name=op.f("release_consumption_pkey")),
        schema="core",
        comment="Which release was handled by whom; what is missing is pending",
    )


def downgrade() -> None:
    for table in ("rate_lease", "rate_quota", "http_cache", "release_consumption"):
        op.drop_table(table, schema="core")
