"""Reads the records of imported JSON files, which are exports of threads in three forms. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parseaddr, parsedate_to_datetime
from typing import Any

from core.dates import ensure_aware_utc, parse_lenient
from trackers.mailing_list.parse import (
    MAX_HASH,
    MAX_MESSAGE_ID,
    MAX_NAME,
    MAX_SUBJECT,
    MAX_URL,
    Message,
    clean,
    header_text,
    message_hash_of,
    normal_text,
    page_url,
    sender_address,
    tail,
)

LIST_IN_URL = re.compile(r"/list/([^/\s]+)/")
LIST_ADDRESS = re.compile(r"[\w.+-]+@lists\.boost\.org")


class UnusableRecord(ValueError):
    """A record that cannot become a message; the text says why."""


def records(document: Any) -> Iterator[dict[str, Any]]:
    """Yield the records of a file: a list, an object with `messages`, or a single record.

    Each record gets the file's information about the thread as `thread_info`.
    """
    info: Any = None
    items: list[Any] = []
    if isinstance(document, list):
        items = document
    elif isinstance(document, dict):
        inside = document.get("messages")
        items, info = inside if isinstance(inside, list) else [document], document.get("thread_info")
    about = info if isinstance(info, dict) else {}
    for item in items:
        if isinstance(item, dict):
            yield {**item, "thread_info": about}


def message_of(record: Mapping[str, Any], folder: str) -> Message:
    """Read a record; of several fields for the same value, the first that is not empty counts."""
    info: Mapping[str, Any] = record.get("thread_info") or {}
    url = clean(record.get("url"))
    message_id = clean(record.get("message_id")).strip().strip("<>")
    message_hash = _first(record.get("msg_id"), record.get("message_id_hash"), tail(url), message_id)
    if "@" in message_hash:
        message_id = message_id or message_hash.strip("<>")
        message_hash = message_hash_of(message_hash)
    if not 0 < len(message_hash) <= MAX_HASH:
        raise UnusableRecord("it has no message id")
    name, address = _sender(record)
    subject = header_text(record.get("subject"))
    return Message(
        list_name=_list_name(record, info) or folder,
        message_hash=message_hash,
        message_id=message_id[:MAX_MESSAGE_ID],
        parent_hash=_first(record.get("parent_id"), tail(record.get("parent")))[:MAX_HASH],
        thread_hash=_first(
            record.get("thread_id"),
            tail(record.get("thread")),
            tail(record.get("thread_url")),
            info.get("thread_id"),
        )[:MAX_HASH],
        subject=subject[:MAX_SUBJECT],
        content=normal_text(clean(record.get("content"))),
        sender_name=name[:MAX_NAME],
        sender_address=address[:MAX_NAME],
        sent_at=sent_at(record),
        url=page_url(url)[:MAX_URL],
    )


def _first(*candidates: Any) -> str:
    return next((text for candidate in candidates if (text := clean(candidate).strip())), "")


def _list_name(record: Mapping[str, Any], info: Mapping[str, Any]) -> str:
    if name := clean(record.get("list_name")).strip():
        return name
    texts = [
        clean(text)
        for text in (
            record.get("url"),
            record.get("thread_url"),
            info.get("url"),
            info.get("emails_url"),
            record.get("to"),
        )
    ]
    for pattern in (LIST_IN_URL, LIST_ADDRESS):
        for text in texts:
            if found := pattern.search(text):
                return found.group(found.lastindex or 0)
    return ""


def _sender(record: Mapping[str, Any]) -> tuple[str, str]:
    nested = record.get("sender")
    inner: Mapping[str, Any] = nested if isinstance(nested, Mapping) else {}
    from_name, from_address = parseaddr(clean(record.get("from")).replace(" (a) ", "@"))
    name = _first(
        record.get("sender_name"),
        inner.get("name"),
        inner.get("sender_name"),
        inner.get("display_name"),
        from_name,
    )
    address = _first(record.get("sender_address"), inner.get("address"), inner.get("email"), from_address)
    return header_text(name), sender_address(address)


def sent_at(record: Mapping[str, Any]) -> datetime | None:
    """Return when the message was sent; a time without zone is in UTC."""
    if instant := clean(record.get("sent_at")).strip():
        return parse_lenient(instant)
    date_header = clean(record.get("date")).strip()
    if (moment := parse_lenient(date_header)) is not None:
        return moment
    try:
        found = parsedate_to_datetime(date_header)
    except (ValueError, TypeError, IndexError):
        return None
    return ensure_aware_utc(found if found.tzinfo else found.replace(tzinfo=UTC))
