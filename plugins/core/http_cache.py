"""The place of validators (ETag, Last-Modified): read before a request, saved with the page they validate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Validator:
    """What a source gave to ask later whether anything changed."""

    etag: str = ""
    last_modified: str = ""

    def headers(self) -> dict[str, str]:
        """Return the conditional request headers."""
        pairs = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in pairs.items() if value}

    @classmethod
    def from_headers(cls, headers: Mapping[str, str]) -> Validator:
        """Read what an answer carries."""
        return cls(headers.get("ETag", ""), headers.get("Last-Modified", ""))


class Validators(Protocol):
    """Knows the validators of earlier answers. Reading only; the store saves new ones with its page."""

    def get(self, url: str) -> Validator | None:
        """Return the validator of the last stored answer."""


class NoValidators:
    """Knows none."""

    def get(self, url: str) -> Validator | None:
        """Return nothing."""
        return None
