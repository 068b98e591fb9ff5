"""Parses HyperKitty's payloads into typed records. Pure."""

from __future__ import annotations

import hashlib
import re
from base64 import b32encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from typing import Any
from urllib.parse import urlsplit

from core.dates import parse_lenient
from core.text import storable

MARKERS = (" (a) ", "(at)", " [at] ", " [at]", "[at] ", "[at]", " at ")
EDGES = " \t.,;()[]<>"
TRAILING = re.compile(r"[ \t]+(?=\n)")
MAX_SUBJECT, MAX_NAME, MAX_HASH, MAX_MESSAGE_ID, MAX_URL = 1024, 255, 255, 998, 1024


@dataclass(frozen=True)
class Listed:
    """A message as the index lists it."""

    message_hash: str
    thread_hash: str
    parent_hash: str
    subject: str
    sent_at: datetime | None


@dataclass(frozen=True)
class Message:
    """A whole message. `warnings` name the values that are missing, unreadable or cut."""

    list_name: str
    message_hash: str
    message_id: str
    parent_hash: str
    thread_hash: str
    subject: str
    content: str
    sender_name: str
    sender_address: str
    sent_at: datetime | None
    url: str
    attachments: tuple[Mapping[str, Any], ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def content_hash(self) -> str:
        """A hash of subject and content; if it changes, the text must be embedded again."""
        return hashlib.sha256(f"{self.subject}\n{self.content}".encode()).hexdigest()

    def relisted(self, listed: Listed) -> Message:
        """Return the message with thread, parent and subject of a newer index item."""
        return replace(
            self, thread_hash=listed.thread_hash, parent_hash=listed.parent_hash, subject=listed.subject
        )


def message_hash_of(message_id: str) -> str:
    """Compute the archive's hash of a Message-ID."""
    bare = message_id.strip().removeprefix("<").removesuffix(">")
    return b32encode(hashlib.sha1(bare.encode(), usedforsecurity=False).digest()).decode("ascii")


def clean(value: Any) -> str:
    """Return a text that PostgreSQL can store; anything that is not a text becomes empty."""
    return storable(value) if isinstance(value, str) else ""


def header_text(value: Any) -> str:
    """Return a header's text, cleaned and stripped, with RFC 2047 words decoded."""
    text = clean(value).strip()
    if "=?" not in text:
        return text
    try:
        return storable(str(make_header(decode_header(text)))).strip()
    except (HeaderParseError, LookupError, ValueError):
        return text


def tail(url: Any) -> str:
    """Return the last segment of a link, or a plain id unchanged."""
    return clean(url).strip().rstrip("/").rpartition("/")[2]


def sender_address(raw: str) -> str:
    """Restore an obfuscated address; empty if the result is not a valid address."""
    text = clean(raw).lower().strip(EDGES)
    if "@" not in text:
        for marker in MARKERS:
            if marker in text:
                before, _, after = text.rpartition(marker)
                text = f"{before}@{after}"
                break
    local, _, domain = text.partition("@")
    usable = local and "." in domain.strip(".") and "@" not in domain and not re.search(r"\s", text)
    return text if usable else ""


def hash_of(item: Mapping[str, Any]) -> str:
    """Return the hash of an index item, if necessary from its link; empty if it has no usable one."""
    found = clean(item.get("message_id_hash")).strip() or tail(item.get("url"))
    return found if len(found) <= MAX_HASH else ""


def parse_listed(item: Mapping[str, Any]) -> Listed | None:
    """Read an index item; None if it has no link or no hash."""
    message_hash = hash_of(item)
    if not message_hash or not clean(item.get("url")).strip():
        return None
    return Listed(
        message_hash,
        tail(item.get("thread"))[:MAX_HASH],
        tail(item.get("parent"))[:MAX_HASH],
        header_text(item.get("subject"))[:MAX_SUBJECT],
        parse_lenient(clean(item.get("date"))),
    )


def parse_message(detail: Mapping[str, Any], list_name: str) -> Message | None:
    """Read a detail; None if it has no usable hash."""
    message_hash = clean(detail.get("message_id_hash")).strip()
    if not 0 < len(message_hash) <= MAX_HASH:
        return None
    warnings = []
    sender = detail.get("sender")
    raw_address = clean(sender.get("address")) if isinstance(sender, Mapping) else ""
    address = sender_address(raw_address)
    if not address:
        warnings.append("invalid sender_address" if raw_address.strip() else "no sender_address")
    sent_at = parse_lenient(clean(detail.get("date")))
    if sent_at is None:
        warnings.append("unreadable date" if clean(detail.get("date")).strip() else "no date")
    subject = header_text(detail.get("subject"))
    if len(subject) > MAX_SUBJECT:
        warnings.append("subject cut")
    return Message(
        list_name=list_name,
        message_hash=message_hash,
        message_id=clean(detail.get("message_id")).strip().strip("<>")[:MAX_MESSAGE_ID],
        parent_hash=tail(detail.get("parent"))[:MAX_HASH],
        thread_hash=tail(detail.get("thread"))[:MAX_HASH],
        subject=subject[:MAX_SUBJECT],
        content=normal_text(clean(detail.get("content"))),
        sender_name=header_text(detail.get("sender_name"))[:MAX_NAME],
        sender_address=address[:MAX_NAME],
        sent_at=sent_at,
        url=page_url(clean(detail.get("url")))[:MAX_URL],
        attachments=_attachments(detail.get("attachments")),
        warnings=tuple(warnings),
    )


def normal_text(text: str) -> str:
    """Return a body with plain line ends and no trailing spaces, which mail does not keep reliably."""
    return TRAILING.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).rstrip()


def page_url(api_url: str) -> str:
    """Return the address of the web page that belongs to an API link."""
    return api_url.replace("/api/list/", "/list/", 1).replace("/email/", "/message/", 1)


def _attachments(raw: Any) -> tuple[Mapping[str, Any], ...]:
    return tuple(_attachment(a) for a in raw if isinstance(a, Mapping)) if isinstance(raw, list) else ()


def _attachment(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    size = raw.get("size")
    return {
        "name": clean(raw.get("name")),
        "content_type": clean(raw.get("content_type")),
        "size": size if isinstance(size, int) else None,
        "path": urlsplit(clean(raw.get("download"))).path,
    }
