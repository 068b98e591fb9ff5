"""Reads bodies from the archive's mbox exports: one request instead of hundreds.

An export contains no links, threads or attachment counts. It may have changed a line that begins with
`>From `, also within a long line, which its encoding cuts; and it loses a carriage return before a NUL.
Exports are therefore used only for the bodies of messages without attachments and without any of these; all
other messages are requested one by one.
"""

from __future__ import annotations

import email
import gzip
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from email.message import Message as Mail
from typing import Any, Protocol

import structlog

from core.errors import CollectorError, RequestRefused
from trackers.mailing_list.parse import Listed, clean, message_hash_of

MANY_NEWS, WORTH_IT = 10, 3
"""Messages of one month on a page that make its export worth a request: in a daily run, and in a long one."""
LARGEST = 64 * 1024 * 1024
MONTHS_KEPT = 2
AMBIGUOUS = "\n>From "
log = structlog.get_logger("collector")


class ExportSource(Protocol):
    """The request for an export of the archive."""

    def export(self, list_name: str, start: date, end: date) -> bytes:
        """Return the gzipped mbox of the messages dated from `start` up to, not including, `end`."""


@dataclass
class Exports:
    """The exports of one list: at most one request per month, and at most two months in memory.

    :param worth: the number of messages of one month that makes its export worth a request.
    :param allowed: false if exports are not wanted, or once the archive has refused one.
    :param used: how many bodies came from exports.
    """

    source: ExportSource
    list_name: str
    worth: int = MANY_NEWS
    allowed: bool = True
    used: int = 0

    def __post_init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._requested: set[date] = set()
        self._coming: dict[date, Future[bytes]] = {}
        self._bodies: dict[date, dict[str, str]] = {}

    def close(self) -> None:
        """Stop waiting for exports that were requested ahead."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def bodies(self, wanted: Mapping[str, Listed]) -> dict[str, str]:
        """Return the bodies of those messages that exports contain, by hash."""
        months = {h: item.sent_at.date().replace(day=1) for h, item in wanted.items() if item.sent_at}
        for month, number in sorted(Counter(months.values()).items(), reverse=True):
            needed = month in self._coming or (month not in self._requested and number >= self.worth)
            if self.allowed and needed:
                self._fetch(month)
        found = {}
        for message_hash, month in months.items():
            body = self._bodies.get(month, {}).pop(message_hash, None)
            if body is not None:
                found[message_hash] = body
        self.used += len(found)
        return found

    def _fetch(self, month: date) -> None:
        self._request(month)
        try:
            packed = self._coming.pop(month).result()
        except RequestRefused:
            self.allowed = False
            log.info(f"{self.list_name}: the archive refuses exports; messages are requested one by one")
            return
        except CollectorError as error:
            log.warning(
                f"{self.list_name}: no export of {month:%Y-%m}: {error}; requesting messages one by one"
            )
            return
        try:
            self._bodies[month] = dict(read(packed))
        except (OSError, EOFError, ValueError) as error:
            log.warning(f"{self.list_name}: the export of {month:%Y-%m} cannot be read ({error})")
        while len(self._bodies) > MONTHS_KEPT:
            del self._bodies[max(self._bodies)]
        if self.worth == WORTH_IT or len(self._requested) > 1:
            # A long run goes back in time, so the previous month is requested while this one is stored.
            self._request(month_before(month))

    def _request(self, month: date) -> None:
        """Request an export in the background, unless it was requested before."""
        if month not in self._requested:
            self._requested.add(month)
            if self._pool is None:
                self._pool = ThreadPoolExecutor(1, thread_name_prefix="export")
            self._coming[month] = self._pool.submit(
                self.source.export, self.list_name, month, following(month)
            )


def exports_for(source: ExportSource, list_name: str, *, allowed: bool, few_expected: bool) -> Exports:
    """Return the exports of a run that expects few messages (a daily run) or many."""
    return Exports(source, list_name, MANY_NEWS if few_expected else WORTH_IT, allowed)


def following(month: date) -> date:
    """Return the first day of the next month."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def month_before(month: date) -> date:
    """Return the first day of the previous month."""
    return date(month.year - (month.month == 1), (month.month - 2) % 12 + 1, 1)


def read(packed: bytes) -> Iterator[tuple[str, str]]:
    """Yield hash and body of those messages whose bodies an export reproduces exactly."""
    for raw in messages(packed):
        mail = email.message_from_bytes(raw)
        body = body_of(mail)
        message_id = str(mail.get("Message-ID", "")).strip().strip("<>")
        if body is not None and message_id:
            yield message_hash_of(clean(message_id)), body


def messages(packed: bytes) -> Iterator[bytes]:
    """Yield the messages of a gzipped mbox; a size of more than `LARGEST` unpacked is an error."""
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
    """Return the text of a message that consists of plain text; None if its detail must be requested."""
    parts = [part for part in mail.walk() if not part.is_multipart()]
    if len(parts) != 1 or parts[0].get_content_type() != "text/plain" or parts[0].get_filename():
        return None
    encoded, payload = parts[0].get_payload(), parts[0].get_payload(decode=True)
    if not isinstance(encoded, str) or not isinstance(payload, bytes) or AMBIGUOUS in f"\n{encoded}":
        return None
    try:
        text = payload.decode(parts[0].get_content_charset("utf-8"))
    except (LookupError, UnicodeDecodeError):
        return None
    return None if "\0" in text else text.replace("\r\n", "\n")


def detail_of(item: Mapping[str, Any], body: str) -> bytes:
    """Return the message's detail, composed of its index item and the body from the export."""
    return json.dumps({**item, "content": body, "attachments": []}, ensure_ascii=False).encode()
