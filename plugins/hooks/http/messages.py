"""What is sent and what comes back."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from requests.utils import parse_header_links

from core.errors import UnexpectedPayload
from core.http_cache import Validator, Validators
from core.listing import Item, Page
from core.redaction import QUERY_SECRET

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing at the source, so that a repetition is harmless."""


HARMLESS_HEADERS = frozenset({"accept", "accept-language", "if-none-match", "if-modified-since"})
"""Headers of a call that also a host without credentials gets."""


@dataclass(frozen=True)
class Call:
    """A request to send: a path below the base address (or a link that the API returned), and its query.

    :param body: is sent as JSON.
    :param resource: which of the source's limits it counts toward; the client's own by default. For sources
        that name their limits: the route, a colon, and the id of the channel or server.
    :param cost: what it will probably cost of the quota, if that is unusual.
    :param identity: whom to prefer to send it as.
    :param headers: more headers than those of the client.
    :param validators: what is known of this page, by identity; the answer is a 304 if it has not changed.
    :param repeatable: whether it may be sent again if nobody knows whether it was executed. By default
        only calls that change nothing are: five tries would post a comment five times.
    :param deadline: seconds that the whole answer may take; `hooks.http.deadline.DEADLINE` by default.
    :param max_body_bytes: the largest body to accept; that of the client by default.
    :param tag: whatever the caller needs to recognise the answer.
    """

    method: str
    path: str
    params: tuple[tuple[str, str], ...] = ()
    body: Any = None
    resource: str = ""
    cost: int | None = None
    identity: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    validators: Validators = field(default_factory=dict)
    repeatable: bool | None = None
    deadline: float | None = None
    max_body_bytes: int | None = None
    tag: Any = None

    @property
    def target(self) -> str:
        """The path with the query."""
        return f"{self.path}?{urlencode(self.params)}" if self.params else self.path

    @property
    def preferred_identity(self) -> str:
        """Whom to prefer; by default somebody who pays nothing if the page has not changed."""
        return self.identity or next(iter(self.validators), "")

    def validator_for(self, identity: str) -> Validator | None:
        """Return the validator to send as an identity; one without an owner is valid for all."""
        return self.validators.get(identity) or self.validators.get("")

    @property
    def shown(self) -> str:
        """The path as errors show it: of a link without the query, which may be signed."""
        return self.path.partition("?")[0] if "//" in self.path else self.path

    @property
    def secrets(self) -> frozenset[str]:
        """The values of the query that authenticate, by their names."""
        return frozenset(value for name, value in self.params if QUERY_SECRET.match(f"{name}={value}"))

    @property
    def may_repeat(self) -> bool:
        """Whether the request may be sent again although it might have been executed."""
        return self.method in SAFE_METHODS if self.repeatable is None else self.repeatable


@dataclass(frozen=True)
class Response:
    """A complete answer with a status below 400."""

    method: str
    path: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str = ""
    identity: str = ""

    @property
    def validator(self) -> Validator:
        """The validator for the next request of this page; the store saves it with the page."""
        return Validator.from_headers(self.headers)

    @property
    def not_modified(self) -> bool:
        """Whether nothing has changed since the validator that was sent (304)."""
        return self.status == 304

    @property
    def links(self) -> dict[str, str]:
        """The addresses in the `Link` header by relation (`next`, `last`, …). A 304 carries none."""
        found = parse_header_links(self.headers.get("Link", ""))
        return {relation: link["url"] for link in found for relation in link.get("rel", "").split()}

    def page(
        self, items: Sequence[Item], following: str | None = None, requests_left: int | None = None
    ) -> Page:
        """Return the page of a listing that this answer is.

        :param following: the cursor or link of the next page, if it is not the `Link` header that tells.
        :param requests_left: how many more requests the listing needs, if the answer tells.
        """
        return Page(
            items,
            next=self.links.get("next", "") if following is None else following,
            unchanged=self.not_modified,
            validator=self.validator,
            identity=self.identity,
            requests_left=requests_left,
        )

    def json(self) -> Any:
        """Decode the body; an HTML page or an incomplete document is an error that names the path."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            kind = self.headers.get("Content-Type", "no content type").partition(";")[0]
            reason = f"not JSON but {kind}, {len(self.body):,} bytes"
            raise UnexpectedPayload(reason, source=self.method, identifier=self.path) from None


@dataclass
class Traffic:
    """What a client sent and received; safe to read while threads count."""

    requests: int = 0
    retries: int = 0
    received_bytes: int = 0
    waited_seconds: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, *, requests: int = 0, retries: int = 0, received: int = 0, waited: float = 0.0) -> None:
        """Add to the counts."""
        with self.lock:
            self.requests += requests
            self.retries += retries
            self.received_bytes += received
            self.waited_seconds += waited
