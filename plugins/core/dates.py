"""Reading and writing instants, which are always aware and in UTC. Pure."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time

CANONICAL_INSTANT = re.compile(r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?Z$")
DATE_ONLY = re.compile(r"^\d{4}-\d{2}-\d{2}$")


def ensure_aware_utc(moment: datetime | None) -> datetime | None:
    """Interpret a naive time as UTC; convert an aware one."""
    if moment is None:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def parse_lenient(raw: str | None) -> datetime | None:
    """Read ISO 8601; return None for anything else."""
    try:
        return parse_strict(raw)
    except ValueError:
        return None


def parse_strict(raw: str | None) -> datetime | None:
    """Read ISO 8601 into UTC. Empty text is None; anything else raises a ValueError that quotes it.

    A date alone means midnight UTC of that day.
    """
    text = (raw or "").strip()
    if not text:
        return None
    try:
        return ensure_aware_utc(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        raise ValueError(f"not an ISO 8601 date or time: {text!r}") from None


def parse_until(raw: str | None) -> datetime | None:
    """Read an inclusive upper bound: a date alone means the end of that day."""
    text = (raw or "").strip()
    if DATE_ONLY.match(text):
        try:
            return datetime.combine(date.fromisoformat(text), time.max, UTC)
        except ValueError:
            raise ValueError(f"not an ISO 8601 date or time: {text!r}") from None
    return parse_strict(text)


def iso_z(moment: datetime) -> str:
    """Write an instant in UTC with `Z`."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def format_instant_iso_z(raw: str | None) -> str:
    """Write a text that is an instant in UTC with `Z`; only strip any other text."""
    text = (raw or "").strip()
    moment = parse_lenient(text)
    return text if moment is None else iso_z(moment)
