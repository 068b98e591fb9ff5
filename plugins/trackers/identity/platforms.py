"""Declares platforms: each tracker whose source has accounts declares the table that holds them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    String,
    Table,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from core.tables import OURS, metadata, moment, words
from trackers.identity.tables import LONGEST_NAME, LONGEST_TYPE, SCHEMA

Naming: TypeAlias = Literal["newest", "earliest"]
NAME = re.compile(r"[a-z][a-z0-9_]*")
DISPLAY_NAME, AS_OF = "display_name", "as_of"
READABLE: dict[str, str] = {}
"""The tables of accounts, which other trackers may read in SQL, and what for."""


@dataclass(frozen=True)
class Platform:
    """A platform and the table of its accounts.

    :param key: the column with the natural key.
    :param login: the column with the name that its owner signs in with, if accounts have one.
    :param newest: the columns that hold the newest value that was seen.
    :param unnamed: what to call an account of which neither name nor address is known.
    """

    name: str
    table: Table
    key: str
    login: str
    newest: tuple[str, ...]
    unnamed: str

    @property
    def named_by_earliest(self) -> bool:
        """Whether an account is called by the first name it was seen with, not by the newest."""
        return DISPLAY_NAME not in self.newest


def declare_platform(
    name: str,
    table_name: str,
    key: Column[Any],
    *columns: Column[Any],
    login: str = "",
    naming: Naming = "newest",
    unnamed: str = "",
    comment: str,
) -> Platform:
    """Declare a platform, and the table `identity.<table_name>` of its accounts.

    The table has the key, the display name and these columns, which need a default.

    :param login: which of the columns is the account's login.
    :param naming: `newest` if accounts have ids, so that a new name is a renaming; `earliest` if they are
        known by how they were shown, as in mails.
    :param unnamed: what to call an account of which neither name nor address is known.
    """
    if not NAME.fullmatch(name) or len(name) > LONGEST_TYPE:
        raise ValueError(f"{name!r} cannot name a platform: use at most {LONGEST_TYPE} lower case letters")
    for column in columns:
        if column.server_default is None:
            raise ValueError(f"{table_name}.{column.name} needs a default: not every payload shows it")
    shown = (DISPLAY_NAME,) if naming == "newest" else ()
    newest = (*shown, *(column.name for column in columns))
    table = Table(
        table_name,
        metadata,
        Column("profile_id", BigInteger, primary_key=True, autoincrement=False),
        Column("type", String(LONGEST_TYPE), nullable=False, server_default=name),
        key,
        words(DISPLAY_NAME, length=LONGEST_NAME, comment=f"Name of the {naming} sighting"),
        *columns,
        *_times(newest),
        moment("created_at", ours=True),
        moment("renamed_at", comment="When the account was last given another name", ours=True),
        UniqueConstraint(key.name),
        CheckConstraint(f"type = '{name}'", name="type"),
        ForeignKeyConstraint(
            ["profile_id", "type"], ["identity.profile.id", "identity.profile.type"], ondelete="CASCADE"
        ),
        Index(None, DISPLAY_NAME),
        Index(None, "renamed_at"),
        schema=SCHEMA,
        comment=comment,
    )
    if login:
        Index(None, table.c[login])
    READABLE[table.fullname] = "what an account is called now, and since when"
    return Platform(name, table, key.name, login, newest, unnamed)


def _times(newest: tuple[str, ...]) -> list[Column[Any]]:
    """Return the column that makes the result independent of the order in which payloads arrive."""
    if not newest:
        return []
    comment = "When each value was seen"
    default = text("'{}'::jsonb")
    return [Column(AS_OF, JSONB, nullable=False, server_default=default, comment=comment, info={OURS: True})]
