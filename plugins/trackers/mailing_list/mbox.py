"""Bodies from the archive's mbox export: one request instead of hundreds.

An export holds no links, no threads and no numbers of attachments, and a body line that begins with `>From `
may or may not have been one. So it gives bodies only, of messages without attachments and without such lines;
what it does not give is asked for one by one.
"""

from __future__ import annotations

import email
import gzip
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from email.message import Message as Mail
from typing import Any, Protocol

import structlog

from core.errors import CollectorError, RequestRefused
from trackers.mailing_list.parse import Listed, clean, message_hash_of

FEW_NEWS, WORTH_IT = 10, 3
"""So many messages of one month on a page are worth its export: of daily news, and when much is fetched."""
LARGEST = 64 * 1024 * 1024
MONTHS_KEPT = 2
AMBIGUOUS = "\n>From "
log = structlog.get_logger("collector")


class ExportSource(Protocol):
    """What can be asked for exports."""

    def export(self, list_name: str, start: date, end: date) -> bytes:
        """Return the gzipped mbox of the messages dated from `start` up to, not including, `end`."""


@dataclass
class Exports:
    """The exports of one list: at most one request a month, at most two months held."""

    source: ExportSource
    list_name: str
    worth: int = FEW_NEWS
    allowed: bool = True
    asked: set[date] = field(default_factory=set)
    held: dict[date, dict[str, str]] = field(default_factory=dict)
    coming: dict[date, Future[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None

    def close(self) -> None:
        """Wait for nothing more."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def bodies(self, wanted: Mapping[str, Listed]) -> dict[str, str]:
        """Return the bodies that exports give of these messages."""
        months = {h: item.sent_at.date().replace(day=1) for h, item in wanted.items() if item.sent_at}
        for month, number in sorted(Counter(months.values()).items(), reverse=True):
            needed = month in self.coming or (month not in self.asked and number >= self.worth)
            if self.allowed and needed:
                self._fetch(month)
        found = {}
        for message_hash, month in months.items():
            body = self.held.get(month, {}).pop(message_hash, None)
            if body is not None:
                found[message_hash] = body
        return found

    def _fetch(self, month: date) -> None:
        self._request(month)
        try:
            packed = self.coming.pop(month).result()
        except RequestRefused:
            self.allowed = False
            log.info(f"{self.list_name}: the archive gives no exports; messages are asked for one by one")
            return
        except CollectorError as error:
            log.warning(f"{self.list_name}: no export of {month:%Y-%m}: {error}; asked for one by one")
            return
        try:
            self.held[month] = dict(read(packed))
        except (OSError, EOFError, ValueError) as error:
            log.warning(f"{self.list_name}: the export of {month:%Y-%m} cannot be read ({error})")
        while len(self.held) > MONTHS_KEPT:
            del self.held[max(self.held)]
        if self.worth == WORTH_IT or len(self.asked) > 1:
            # Much is fetched, newest first: the month before comes while this one is stored.
            self._request(month_before(month))

    def _request(self, month: date) -> None:
        """Have an export fetched, once, beside what goes on here."""
        if month not in self.asked:
            self.asked.add(month)
            if self._pool is None:
                self._pool = ThreadPoolExecutor(1, thread_name_prefix="export")
            self.coming[month] = self._pool.submit(
                self.source.export, self.list_name, month, following(month)
            )


def following(month: date) -> date:
    """Return the first day of the next month."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def month_before(month: date) -> date:
    """Return the first day of the month before."""
    return date(month.year - (month.month == 1), (month.month - 2) % 12 + 1, 1)


def read(packed: bytes) -> Iterator[tuple[str, str]]:
    """Yield hash and body of the messages of an export whose bodies are sure."""
    for raw in messages(packed):
        mail = email.message_from_bytes(raw)
        body = body_of(mail)
        message_id = str(mail.get("Message-ID", "")).strip().strip("<>")
        if body is not None and message_id:
            yield message_hash_of(clean(message_id)), body


def messages(packed: bytes) -> Iterator[bytes]:
    """Yield the messages of a gzipped mbox; one that grows beyond measure is an error."""
    lines: list[bytes] = []
    size = 0
    with gzip.open(io.BytesIO(packed)) as stream:
        for line in stream:
            size += len(line)
            if size > LARGEST:
                raise ValueError(f"larger than {LARGEST:,} bytes")
            if line.startswith(b"From "):
                if lines:
                    yield b"".join(lines)
                lines = []
            else:
                lines.append(line)
    if lines:
        yield b"".join(lines)


def body_of(mail: Mail) -> str | None:
    """Return the text of a message that is nothing but text; None if a detail says more or says it surely."""
    parts = [part for part in mail.walk() if not part.is_multipart()]
    if len(parts) != 1 or parts[0].get_content_type() != "text/plain" or parts[0].get_filename():
        return None
    payload = parts[0].get_payload(decode=True)
    if not isinstance(payload, bytes):
        return None
    try:
        text = payload.decode(parts[0].get_content_charset("utf-8"))
    except (LookupError, UnicodeDecodeError):
        return None
    text = text.replace("\r\n", "\n")
    return None if AMBIGUOUS in f"\n{text}" else text


def detail_of(item: Mapping[str, Any], body: str) -> bytes:
    """Return what a detail would have said: the index item with the body from the export."""
    return json.dumps({**item, "content": body, "attachments": []}, ensure_ascii=False).encode()
