"""The `mailing_list` schema."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    String,
    Table,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from core.tables import SUMMARY, add_view, metadata, moment, natural_key, surrogate, words
from trackers.identity.api import declare_platform

SCHEMA = "mailing_list"
LONGEST_KEY = 600

SENDERS = declare_platform(
    SCHEMA,
    "mailing_list_profile",
    natural_key(
        "sender_key",
        length=LONGEST_KEY,
        comment="Who this is: the address; with the name if the address is shared; else the name",
    ),
    naming="earliest",
    unnamed="Unknown Sender",
    comment="Senders on the mailing lists",
)

message = Table(
    "message",
    metadata,
    surrogate(),
    Column("list_name", String(255), nullable=False, comment="Address of the list"),
    natural_key("message_hash", length=255, comment="Base32 of the SHA-1 of the Message-ID"),
    Column(
        "mailing_list_profile_id",
        BigInteger,
        ForeignKey("identity.mailing_list_profile.profile_id", ondelete="RESTRICT"),
        nullable=False,
        index=True,
        comment="The sender",
    ),
    words("message_id", length=998, comment="Message-ID without brackets"),
    words(
        "parent_hash",
        length=255,
        comment="Message answered to; empty for roots. No key: it may not be archived",
    ),
    words("thread_hash", length=255, comment="Message that began the thread"),
    words("subject", length=1024),
    words("content", comment="Plain text body"),
    words("sender_name", length=255, comment="As posted"),
    words("sender_address", length=255, comment="As posted, made readable again; empty if unusable"),
    moment(
        "sent_at",
        nullable=True,
        comment="The sender's own Date header, which may be wrong; null if unreadable",
    ),
    words("url", length=1024, comment="Page in the archive"),
    Column(
        "attachments",
        JSONB,
        nullable=False,
        server_default=text("'[]'::jsonb"),
        comment="Names, types, sizes",
    ),
    Column("content_hash", String(64), nullable=False, comment="SHA-256 of subject and content"),
    Column(
        "listed",
        Boolean,
        nullable=False,
        server_default=text("true"),
        comment="Was seen in the archive's index",
    ),
    moment("deleted_at", nullable=True, comment="When we learned that the archive removed it", ours=True),
    moment("created_at", comment="First stored", ours=True),
    moment("updated_at", comment="Last time that a stored value really changed", ours=True),
    UniqueConstraint("list_name", "message_hash"),
    CheckConstraint("message_hash <> ''", name="message_hash"),
    Index(None, "message_hash"),
    Index(None, "message_id"),
    Index(None, "thread_hash"),
    Index(None, "parent_hash"),
    Index(None, "sent_at"),
    Index(None, "updated_at"),
    schema=SCHEMA,
    comment="One post in one list; a post to two lists is two rows with the same message_hash",
    info={
        SUMMARY: {
            "messages": "count(*) FILTER (WHERE deleted_at IS NULL)",
            "lists": "count(DISTINCT list_name)",
        }
    },
)
add_view("activity", message)
