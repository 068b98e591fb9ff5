"""The routes of HyperKitty's REST API, with its quirks.

The index is ordered by archiving time, newest first. For an unknown list the index answers 500, the list
itself 404. A page has ten items unless `limit` is given. Clients that prefer HTML get the browsable API.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from fastapi import APIRouter, Request, Response

from sandbox.hyperkitty import views
from sandbox.hyperkitty.archive import MailArchive, MailList

DEFAULT_LIMIT = 10
SERVER_ERROR = "<!doctype html>\n<html lang=en>\n<head><title>Server Error (500)</title></head>\n<body>\n" + (
    "  <h1>Server Error (500)</h1><p></p>\n</body>\n</html>\n"
)
NOT_FOUND = "<!doctype html>\n<html lang=en>\n<head><title>Not Found</title></head>\n<body>\n" + (
    "  <h1>Not Found</h1><p>The requested resource was not found on this server.</p>\n</body>\n</html>\n"
)
ALLOW = {"Allow": "GET, HEAD, OPTIONS", "Vary": "Accept, Cookie, origin", "X-Content-Type-Options": "nosniff"}


def html(status: int, page: str) -> Response:
    """Return one of Django's own error pages."""
    return Response(page, status, media_type="text/html")


def answer(request: Request, value: Any, status: int = 200) -> Response:
    """Render as JSON, or as the browsable API for clients that prefer HTML."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    accept = request.headers.get("accept", "*/*")
    wants_html = "text/html" in accept and request.query_params.get("format") != "json"
    if wants_html and "application/json" not in accept:
        page = f"<!DOCTYPE html><html><head><title>API</title></head><body><pre>{body}</pre></body></html>"
        return Response(page, status, headers=ALLOW, media_type="text/html")
    return Response(body, status, headers=ALLOW, media_type="application/json")


def missing(request: Request, model: str) -> Response:
    """Return Django REST framework's 404."""
    return answer(request, {"detail": f"No {model} matches the given query."}, 404)


def number(request: Request, name: str, default: int) -> int:
    """Read a paging parameter; an invalid one counts as not given."""
    try:
        value = int(request.query_params.get(name, default))
    except ValueError:
        return default
    return value if value > 0 else default


class HyperKitty:
    """The API of an archive."""

    def __init__(self, archive: Callable[[], MailArchive], prefix: str) -> None:
        self.archive = archive
        self.prefix = prefix
        self.router = APIRouter()
        for path, endpoint in (
            ("/api/lists/", self.lists),
            ("/api/list/{fqdn}/", self.mail_list),
            ("/api/list/{fqdn}/emails/", self.emails),
            ("/api/list/{fqdn}/email/{message_hash}/", self.email),
            ("/api/list/{fqdn}/thread/{thread_hash}/emails/", self.thread_emails),
        ):
            self.router.add_api_route(path, endpoint, methods=["GET"])
            self.router.add_api_route(path.rstrip("/"), self.append_slash, methods=["GET"])

    async def append_slash(self, request: Request) -> Response:
        """Redirect as Django's CommonMiddleware does."""
        query = f"?{request.url.query}" if request.url.query else ""
        return Response(status_code=301, headers={"Location": f"{request.url.path}/{query}"})

    async def lists(self, request: Request) -> Response:
        """List the public lists, sorted by name."""
        found = sorted(self.archive().lists.values(), key=lambda ml: ml.name)
        offset, limit = number(request, "offset", 0), number(request, "limit", DEFAULT_LIMIT)
        items = [views.described(self._links(request), ml) for ml in found[offset : offset + limit]]
        url = f"{self._links(request).root}/api/lists/"
        return answer(request, views.paged(url, len(found), offset, limit, items))

    async def mail_list(self, request: Request, fqdn: str) -> Response:
        """Show one list."""
        found = self.archive().lists.get(fqdn)
        if found is None:
            return missing(request, "MailingList") if fqdn.count("@") == 1 else html(404, NOT_FOUND)
        return answer(request, views.described(self._links(request), found))

    async def emails(self, request: Request, fqdn: str) -> Response:
        """Show a page of the index, newest archived first."""
        if fqdn.count("@") != 1:
            return html(404, NOT_FOUND)
        found = self.archive().lists.get(fqdn)
        if found is None:
            return html(500, SERVER_ERROR)
        offset, limit = number(request, "offset", 0), number(request, "limit", DEFAULT_LIMIT)
        count, entries = found.newest_first(offset, limit)
        return self._page(request, found, f"list/{fqdn}/emails/", count, offset, limit, entries)

    async def thread_emails(self, request: Request, fqdn: str, thread_hash: str) -> Response:
        """Show a page of a thread, ordered by date."""
        found = self.archive().lists.get(fqdn)
        if found is None:
            return html(500, SERVER_ERROR)
        entries = found.thread(thread_hash)
        offset, limit = number(request, "offset", 0), number(request, "limit", DEFAULT_LIMIT)
        path = f"list/{fqdn}/thread/{thread_hash}/emails/"
        return self._page(request, found, path, len(entries), offset, limit, entries[offset : offset + limit])

    async def email(self, request: Request, fqdn: str, message_hash: str) -> Response:
        """Show a message with its body."""
        found = self.archive().lists.get(fqdn)
        entry = found.by_hash.get(message_hash) if found else None
        if found is None or entry is None:
            return missing(request, "Email")
        return answer(request, views.full(self._links(request), found, entry))

    def _links(self, request: Request) -> views.Links:
        return views.Links(
            f"{request.url.scheme}://{request.headers.get('host', request.url.netloc)}{self.prefix}"
        )

    def _page(
        self,
        request: Request,
        found: MailList,
        path: str,
        count: int,
        offset: int,
        limit: int,
        entries: Sequence[Any],
    ) -> Response:
        links = self._links(request)
        items = [views.short(links, found, entry) for entry in entries]
        return answer(request, views.paged(f"{links.root}/api/{path}", count, offset, limit, items))
