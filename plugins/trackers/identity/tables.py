"""The `identity` schema: profiles, their e-mail addresses and the names they were seen with.

The tables of accounts are declared by the trackers of their platforms (`platforms.py`).
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    String,
    Table,
    UniqueConstraint,
    func,
    text,
)

from core.tables import SUMMARY, metadata, moment, surrogate, words

SCHEMA = "identity"
LONGEST_TYPE, LONGEST_NAME = 20, 255
NAME_KINDS = ("name", "login")

profile = Table(
    "profile",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("type", String(LONGEST_TYPE), nullable=False, index=True, comment="The platform"),
    moment("created_at", ours=True),
    UniqueConstraint("id", "type"),
    schema=SCHEMA,
    comment="One account on one platform; exactly one row of the platform's table has the same id and type",
    info={SUMMARY: {"profiles": "count(*)"}},
)

email = Table(
    "email",
    metadata,
    surrogate(),
    Column(
        "profile_id",
        BigInteger,
        ForeignKey("identity.profile.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("email", String(255), nullable=False, comment="As posted, lower case"),
    words("email_key", length=255, comment="Normal form for comparing; empty if the address is unusable"),
    Column("is_primary", Boolean, nullable=False, server_default=text("false")),
    Column("is_active", Boolean, nullable=False, server_default=text("true")),
    Column(
        "is_shared",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="Belongs to a list or a role, by its pattern; never evidence for who somebody is",
    ),
    words("source", length=64, comment="Tracker that saw it"),
    moment("first_seen_at", nullable=True, comment="By the sender's own date; null if that is unknown"),
    moment("created_at", ours=True),
    Index("email_profile_id_lower_key", "profile_id", func.lower(text("email")), unique=True),
    Index("email_one_primary_key", "profile_id", unique=True, postgresql_where=text("is_primary")),
    Index(None, "email_key"),
    schema=SCHEMA,
    comment="Addresses of a profile; an address may belong to several profiles",
    info={SUMMARY: {"e-mail addresses": "count(*)"}},
)

profile_alias = Table(
    "profile_alias",
    metadata,
    surrogate(),
    Column("profile_id", BigInteger, ForeignKey("identity.profile.id", ondelete="CASCADE"), nullable=False),
    Column(
        "kind",
        String(16),
        nullable=False,
        server_default="name",
        comment="A login is evidence of another kind than a name",
    ),
    Column("name", String(LONGEST_NAME), nullable=False),
    words("name_key", length=LONGEST_NAME, comment="Normal form for comparing"),
    moment("first_seen_at", nullable=True),
    moment("last_seen_at", nullable=True),
    UniqueConstraint("profile_id", "kind", "name"),
    CheckConstraint(f"kind IN {NAME_KINDS!r}", name="kind"),
    Index(None, "name_key"),
    schema=SCHEMA,
    comment="Every name and login that a profile was seen with",
)
