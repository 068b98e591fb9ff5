"""How listings are paged through, so that no item is missed while others change. Pure.

A page number, or a link with one, skips an item whenever an earlier one moves to the end of the listing. So a
listing in the order of its key (mostly the time of the last change) goes on by that key: the next request
asks for everything from the last key on, that key included. Links are followed only where one key fills more
than a page. A listing in another order goes on by the cursor that each answer gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, Protocol

from core.errors import UnexpectedPayload
from core.http_cache import Validator, Validators

MOST_PASSES = 5
"""How often the items of one key are listed at most until two passes agree."""
Item = Mapping[str, Any]


@dataclass(frozen=True)
class Position:
    """Where a listing goes on.

    :param since: the key to ask from, inclusive; empty for the whole listing.
    :param link: the link or cursor of the page to ask for; empty for the first one.
    :param newest: the greatest key that a listing by cursor has shown.
    :param passes: how often the items of the key `since` were listed, if they fill several pages.
    :param shown: how many of them this pass has shown.
    :param digest: of the items that this pass has shown.
    :param agreed: digest of the pass before, also that of an earlier run; if both are equal, nothing moved.
    """

    since: str = ""
    link: str = ""
    newest: str = ""
    passes: int = 0
    shown: int = 0
    digest: str = ""
    agreed: str = ""


@dataclass(frozen=True)
class Page:
    """One page of a listing, as the hook hands it over.

    :param next: the link or cursor of the next page; empty if the answer says that there is none.
    :param unchanged: nothing has changed since the validator that was sent.
    :param validator: to ask for this page again.
    :param identity: whom the validator belongs to; empty if anybody can use it.
    :param requests_left: how many more requests the listing needs, if the answer tells.
    """

    items: Sequence[Item]
    next: str = ""
    unchanged: bool = False
    validator: Validator = field(default_factory=Validator)
    identity: str = ""
    requests_left: int | None = None


@dataclass(frozen=True)
class Step:
    """Where a listing goes on after a page; where the next run begins, if the page was the last one.

    :param validates: whether the page changes if anything is new, so that its validator tells.
    """

    position: Position
    complete: bool = False
    validates: bool = True


Fetch = Callable[[Position, Validators], Page]


class Listing(Protocol):
    """A listing of a source: how a page is fetched, and where it goes on after each."""

    @property
    def fetch(self) -> Fetch:
        """Fetches the page at a position; sends the validators that are known of it."""

    def step(self, at: Position, page: Page) -> Step:
        """Return where to go on after a page."""


@dataclass(frozen=True)
class ByKey:
    """A listing in ascending order of a key, from which it can be asked for.

    Complete is what ends without a link and without being full: some listings end at a cap, and go on from
    the last key. The next run asks for the last page again, which then has a validator.

    :param key_of: the key of an item, as the source wants to be asked for it; in text order.
    :param id_of: what tells items of one key apart.
    :param page_size: how many items a full page has.
    :param cap: how many items the source shows at most, whatever the links say; 0 if there is no such limit.
    :param latest: the greatest key to believe, such as now: one beyond it would hide all changes until then.
    """

    fetch: Fetch
    key_of: Callable[[Item], str]
    id_of: Callable[[Item], str]
    page_size: int
    cap: int = 0
    latest: str = ""

    def step(self, at: Position, page: Page) -> Step:
        """Go on from the last key; by link only if all items have the key that was asked for."""
        if page.unchanged:
            return Step(Position(at.since), complete=True)
        last = self._last_key(at, page)
        full = len(page.items) >= self.page_size
        seen = self._add(at, page)
        if last == at.since and page.next:
            return Step(replace(seen, link=page.next))
        if at.link and seen.digest != at.agreed:
            return Step(self._again(seen))
        if last == at.since and 0 < self.cap <= seen.shown:
            raise UnexpectedPayload(
                f"shows only {seen.shown:,} items with this key; there may be more",
                source="listing",
                identifier=at.since,
            )
        if last > at.since and (full or page.next or at.link):
            return Step(Position(last))
        # What is new after a full page changes nothing on it, but perhaps a link in its headers.
        end = Position(at.since, agreed=seen.digest if at.link else "")
        return Step(end, complete=True, validates=not full)

    def _last_key(self, at: Position, page: Page) -> str:
        """Return the last key to be believed; refuse a page in another order, which would lose items."""
        last = before = at.since
        for item in page.items:
            key = self.key_of(item)
            if key < before:
                raise UnexpectedPayload(
                    f"not in ascending order: {key} comes after {before}",
                    source="listing",
                    identifier=self.id_of(item),
                )
            before = key
            if not self.latest or key <= self.latest:
                last = key
        return last

    def _add(self, at: Position, page: Page) -> Position:
        """Add the items that have the key that was asked for to what this pass has shown."""
        ids = [self.id_of(item) for item in page.items if self.key_of(item) == at.since]
        return replace(at, shown=at.shown + len(ids), digest=_digest(at.digest, ids))

    def _again(self, seen: Position) -> Position:
        """Return the start of another pass over the items of a key, since this one may have skipped some."""
        if seen.passes + 1 >= MOST_PASSES:
            raise UnexpectedPayload(
                f"the items with this key changed during each of {MOST_PASSES} passes",
                source="listing",
                identifier=seen.since,
            )
        return Position(seen.since, passes=seen.passes + 1, agreed=seen.digest)


@dataclass(frozen=True)
class ByCursor:
    """A listing in any order, which goes on by the cursor of each answer.

    The key from which it is asked for stays fixed until it is complete; then it is the greatest one seen.
    What is new must change the first page, else its validator must not be handed over.

    :param key_of: the key of an item, as the source wants to be asked for it; in text order.
    :param latest: the greatest key to believe, such as now: one beyond it would hide all changes until then.
    """

    fetch: Fetch
    key_of: Callable[[Item], str]
    latest: str = ""

    def step(self, at: Position, page: Page) -> Step:
        """Go on at the cursor."""
        if page.unchanged:
            return Step(Position(at.since), complete=True)
        keys = map(self.key_of, page.items)
        newest = max((at.newest, *(key for key in keys if not self.latest or key <= self.latest)))
        if page.next:
            return Step(Position(at.since, page.next, newest))
        return Step(Position(max(newest, at.since)), complete=True)


def _digest(before: str, ids: Iterable[str]) -> str:
    """Return the digest of the ids of a pass, page after page."""
    found = sha256(before.encode())
    for item_id in ids:
        found.update(f"{item_id}\n".encode("utf-8", "surrogatepass"))
    return found.hexdigest()
