"""HTTP validators (ETag, Last-Modified): read before a listing is asked for, saved with its last page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from core.database import Conn, execute, fetch


@dataclass(frozen=True)
class Validator:
    """The values with which a later request asks whether a page has changed."""

    etag: str = ""
    last_modified: str = ""

    def headers(self) -> dict[str, str]:
        """Return the conditional request headers."""
        pairs = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in pairs.items() if value}

    @classmethod
    def from_headers(cls, headers: Mapping[str, str]) -> Validator:
        """Return the validator in an answer's headers."""
        return cls(headers.get("ETag", ""), headers.get("Last-Modified", ""))


Validators = Mapping[str, Validator]
"""The validators of one page by identity: those of some sources are valid for one token only."""


def read(conn: Conn, source: str, scope: str, stream: str, page: str) -> dict[str, Validator]:
    """Return the validators of a listing's last page, if that is still the page to ask for."""
    key = {"source": source, "scope": scope, "stream": stream, "page": page}
    rows = fetch(conn, "core/read_validators", key)
    return {identity: Validator(etag, last_modified) for identity, etag, last_modified in rows}


def save(
    conn: Conn,
    source: str,
    scope: str,
    stream: str,
    page: str,
    identity: str,
    validator: Validator,
    now: datetime,
) -> None:
    """Replace a listing's validators, in the transaction that saves the page they validate.

    What another identity has is older: asked with it, the source would only answer that the page has changed.
    """
    execute(
        conn,
        "core/save_validator",
        {
            "source": source,
            "scope": scope,
            "stream": stream,
            "page": page,
            "identity": identity,
            "etag": validator.etag,
            "last_modified": validator.last_modified,
            "now": now,
        },
    )
