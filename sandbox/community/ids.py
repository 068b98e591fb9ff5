"""Identifiers as the platforms make them. Equal numbers give equal ids, different numbers different ones."""

from __future__ import annotations

import base64
import struct
from datetime import UTC, datetime, timedelta
from random import Random
from string import ascii_uppercase, digits

DISCORD_EPOCH = datetime(2015, 1, 1, tzinfo=UTC)
NEW_NODE_IDS = datetime(2021, 6, 1, tzinfo=UTC)
"""What GitHub made before has node ids of the older form."""
PREFIXES = {"User": "U", "Organization": "O", "Bot": "BOT", "Repository": "R"}
BASE36 = digits + ascii_uppercase


def spread(rng: Random, number: int, step: int) -> int:
    """Return an integer from the interval of this length that belongs to the number alone."""
    return number * step + rng.randrange(step)


def node_id(kind: str, number: int, created_at: datetime) -> str:
    """Return GitHub's global node id of a numeric id."""
    if created_at < NEW_NODE_IDS:
        return base64.b64encode(f"0{len(kind)}:{kind}{number}".encode()).decode()
    packed = b"\x92\x00" + (b"\xcd" + struct.pack(">H", number) if number < 1 << 16 else _long(number))
    return f"{PREFIXES[kind]}_{base64.urlsafe_b64encode(packed).decode().rstrip('=')}"


def _long(number: int) -> bytes:
    return b"\xce" + struct.pack(">I", number) if number < 1 << 32 else b"\xcf" + struct.pack(">Q", number)


def slack_id(letter: str, number: int, length: int = 10) -> str:
    """Return an id as Slack's, whose first letter says what it belongs to."""
    text = ""
    while number:
        number, rest = divmod(number, 36)
        text = BASE36[rest] + text
    return f"{letter}{text.rjust(length, '0')}"


def snowflake(created_at: datetime, number: int) -> int:
    """Return Discord's id of something made at that time; `number` distinguishes it within a millisecond."""
    milliseconds = (created_at - DISCORD_EPOCH) // timedelta(milliseconds=1)
    return milliseconds << 22 | number & 0x3FFFFF


def youtube_channel_id(rng: Random) -> str:
    """Return an id as YouTube gives channels."""
    return f"UC{base64.urlsafe_b64encode(rng.randbytes(16)).decode().rstrip('=')}"
