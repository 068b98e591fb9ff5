"""The HTML pages of HyperKitty that our links point to: the index of lists, a list, a message.

Addresses and titles are HyperKitty's; the layout is not. As in HyperKitty, e-mail addresses are not shown.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape

from fastapi import APIRouter, Request, Response

from sandbox.hyperkitty.api import NOT_FOUND, html, number
from sandbox.hyperkitty.archive import Entry, MailArchive

PER_PAGE = 25


class Pages:
    """The HTML pages of an archive."""

    def __init__(self, archive: Callable[[], MailArchive], prefix: str) -> None:
        self.archive = archive
        self.prefix = prefix
        self.router = APIRouter()
        self.router.add_api_route("/", self.index, methods=["GET"])
        self.router.add_api_route("/list/{fqdn}/", self.mail_list, methods=["GET"])
        self.router.add_api_route("/list/{fqdn}/message/{message_hash}/", self.message, methods=["GET"])

    async def index(self) -> Response:
        """Show links to all lists."""
        found = sorted(self.archive().lists)
        items = "".join(f'<li><a href="{self.prefix}/list/{n}/">{escape(n)}</a></li>' for n in found)
        return _page("Available lists", f"<ul>{items}</ul>")

    async def mail_list(self, request: Request, fqdn: str) -> Response:
        """Show a list, newest messages first."""
        found = self.archive().lists.get(fqdn)
        if found is None:
            return html(404, NOT_FOUND)
        page = number(request, "page", 1)
        count, entries = found.newest_first((page - 1) * PER_PAGE, PER_PAGE)
        items = "".join(f"<li>{self._link(fqdn, e)} {escape(e.sender_name or '')}</li>" for e in entries)
        return _page(fqdn, f"<p>{count} messages</p><ul>{items}</ul>")

    async def message(self, fqdn: str, message_hash: str) -> Response:
        """Show a message with its sender's name, date and body."""
        found = self.archive().lists.get(fqdn)
        entry = found.by_hash.get(message_hash) if found else None
        if found is None or entry is None:
            return html(404, NOT_FOUND)
        byline = f"<p>{escape(entry.sender_name or '')}, {entry.date:%Y-%m-%d %H:%M}</p>"
        return _page(entry.subject, f"{byline}<pre>{escape(found.content(entry))}</pre>")

    def _link(self, fqdn: str, entry: Entry) -> str:
        address = f"{self.prefix}/list/{fqdn}/message/{entry.message_hash}/"
        return f'<a href="{address}">{escape(entry.subject)}</a>'


def _page(title: str, body: str) -> Response:
    head = f"<!DOCTYPE html><html><head><title>{escape(title)} - HyperKitty</title></head>"
    return html(200, f"{head}<body><h1>{escape(title)}</h1>{body}</body></html>")
