"""A source in memory whose listings can be edited between two requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from core.http_cache import Validator, Validators
from core.listing import ByCursor, ByKey, Page, Position

SIZE = 3


def key_of(item: Mapping[str, Any]) -> str:
    return str(item["key"])


def id_of(item: Mapping[str, Any]) -> str:
    return str(item["id"])


@dataclass
class Source:
    """Items by id, each with the key by which they are listed.

    :param before: called before each request, with its number.
    :param cap: how many items a listing shows.
    """

    items: dict[str, str] = field(default_factory=dict)
    before: Callable[[int], None] = lambda number: None
    cap: int = 10_000
    asked: list[Position] = field(default_factory=list)

    def put(self, key: str, *ids: str) -> None:
        self.items |= dict.fromkeys(ids, key)

    def page(self, at: Position, validators: Validators) -> Page:
        """Answer as a service that computes page numbers from offsets."""
        self.asked.append(at)
        self.before(len(self.asked))
        found = sorted((key, item_id) for item_id, key in self.items.items() if key >= at.since)[: self.cap]
        start = int(at.link or 0)
        shown = found[start : start + SIZE]
        etag = str(hash(tuple(shown)))
        if (known := validators.get("")) and known.etag == etag:
            return Page([], unchanged=True)
        more = len(found) > start + SIZE
        return Page(
            [{"key": key, "id": item_id} for key, item_id in shown],
            next=str(start + SIZE) if more else "",
            validator=Validator(etag),
            requests_left=max(0, -(-(len(found) - start) // SIZE) - 1),
        )

    def by_key(self, cap: int = 0) -> ByKey:
        return ByKey(self.page, key_of, id_of, SIZE, cap)

    def by_cursor(self) -> ByCursor:
        return ByCursor(self.page, key_of)
