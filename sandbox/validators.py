"""Validators as GitHub computes them: an ETag belongs to one token, so two tokens get different ones.

The ETag is the SHA-256 over the values of those request headers that the answer varies by, each followed by
a colon, and then the body. `If-None-Match` may hold several, and a weak one equals its strong form.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

from fastapi import Request, Response

VARY = ("Accept", "Authorization", "Cookie")


def etag_of(request_headers: Mapping[str, str], body: bytes, vary: tuple[str, ...] = VARY) -> str:
    """Return the strong ETag of an answer to a request with these headers (their names in lower case)."""
    digest = sha256()
    for name in vary:
        if (value := request_headers.get(name.lower())) is not None:
            digest.update(f"{value}:".encode("latin-1"))
    digest.update(body)
    return f'"{digest.hexdigest()}"'


def conditional(request: Request, body: bytes, headers: Mapping[str, str] | None = None) -> Response:
    """Answer 200 with the body and its ETag, or 304 without body and `Link` if the client has it already."""
    etag = etag_of(request.headers, body)
    own = {"ETag": etag, "Vary": ", ".join(VARY)}
    known = request.headers.get("If-None-Match", "")
    if etag in (candidate.strip().removeprefix("W/") for candidate in known.split(",")):
        return Response(status_code=304, headers=own)
    return Response(body, media_type="application/json", headers=dict(headers or {}) | own)
