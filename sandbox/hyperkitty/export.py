"""HyperKitty's mbox export: messages rebuilt from what the archive stores of them, selected by date.

Each is a multipart/mixed of the body and the attachments. Addresses are not obfuscated. Body lines that begin
with `From ` are escaped, as in any mbox. An installation may have exports switched off.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time
from email.message import EmailMessage
from email.utils import format_datetime

from fastapi import APIRouter, Request, Response

from sandbox.hyperkitty.api import NOT_FOUND, html
from sandbox.hyperkitty.archive import Entry, MailArchive, MailList

BAD_REQUEST = (
    "<!doctype html>\n<html lang=en>\n<head><title>Bad Request (400)</title></head>\n<body></body>\n</html>\n"
)


class Export:
    """The export of an archive."""

    def __init__(self, archive: Callable[[], MailArchive]) -> None:
        self.archive = archive
        self.router = APIRouter()
        self.router.add_api_route("/list/{fqdn}/export/{name}.mbox.gz", self.export, methods=["GET"])

    async def export(self, request: Request, fqdn: str, name: str) -> Response:
        """Return the messages dated from `start` until before `end`, as a gzipped mbox."""
        found = self.archive().lists.get(fqdn)
        if found is None:
            return html(404, NOT_FOUND)
        if not self.archive().exports:
            return html(400, BAD_REQUEST)
        try:
            start, end = (_day(request.query_params.get(key)) for key in ("start", "end"))
        except ValueError:
            return html(400, BAD_REQUEST)
        chosen = [e for e in found.entries if (not start or e.date >= start) and (not end or e.date < end)]
        body = gzip.compress(b"".join(_mbox(found, chosen)), compresslevel=1, mtime=0)
        disposition = {"Content-Disposition": f'attachment; filename="{name}.mbox.gz"'}
        return Response(body, headers=disposition, media_type="application/gzip")


def _day(value: str | None) -> datetime | None:
    return datetime.combine(date.fromisoformat(value), time(), UTC) if value else None


def _mbox(mail_list: MailList, entries: list[Entry]) -> Iterator[bytes]:
    for entry in sorted(entries, key=lambda e: e.archived_at):
        stamp = entry.date.astimezone(UTC).strftime("%a %b %d %H:%M:%S %Y")
        yield f"From {entry.sender_address or 'unknown'} {stamp}\n".encode("utf-8", "replace")
        for line in _message(mail_list, entry).as_bytes().splitlines(keepends=True):
            yield b">" + line if line.startswith(b"From ") else line
        yield b"\n\n"


def _message(mail_list: MailList, entry: Entry) -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = _header(entry.subject)
    message["From"] = _header(f"{entry.sender_name or ''} <{entry.sender_address}>")
    message["Date"] = format_datetime(entry.date)
    message["Message-ID"] = f"<{entry.message_id}>"
    message["X-Message-ID-Hash"] = entry.message_hash
    message.set_content(mail_list.content(entry))
    message.make_mixed()
    for file in entry.attachments:
        kind, _, subtype = file.content_type.partition("/")
        message.add_attachment(
            b"\0" * file.size, maintype=kind, subtype=subtype or "octet-stream", filename=file.name
        )
    return message


def _header(text: str) -> str:
    return " ".join(text.split())
