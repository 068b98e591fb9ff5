"""HTTP validators (ETag, Last-Modified): read before a request, saved with the page they validate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from core import tables
from core.database import Conn, MergeCounts, execute, fetch, merge


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


class Validators(Protocol):
    """Looks up the validators of earlier answers. It only reads: the store saves new ones with their page."""

    def get(self, url: str) -> Validator | None:
        """Return the validator of the last stored answer."""


class NoValidators:
    """For clients that send no conditional requests."""

    def get(self, url: str) -> Validator | None:
        """Return None for every address."""
        return None


class StoredValidators:
    """The validators of a source's listings, read once; an unchanged listing then costs no quota.

    :param prefix: only addresses that begin with this are read.
    """

    def __init__(self, conn: Conn, source: str, prefix: str = "") -> None:
        rows = fetch(conn, "core/read_validators", {"source": source, "prefix": prefix})
        self._known = {url: Validator(etag, last_modified) for url, etag, last_modified in rows}

    def get(self, url: str) -> Validator | None:
        """Return the validator of the last stored answer."""
        return self._known.get(url)


def save(conn: Conn, source: str, validators: Mapping[str, Validator], now: datetime) -> MergeCounts:
    """Save validators in the transaction that saves the pages they validate; empty ones are left out."""
    rows = [
        {
            "source": source,
            "url": url,
            "etag": validator.etag,
            "last_modified": validator.last_modified,
            "updated_at": now,
        }
        for url, validator in validators.items()
        if validator.headers()
    ]
    return merge(conn, tables.http_cache, rows, touch=("updated_at",))


def forget(conn: Conn, source: str, prefix: str = "") -> None:
    """Delete validators, so that the next run receives every page again."""
    execute(conn, "core/forget_validators", {"source": source, "prefix": prefix})
