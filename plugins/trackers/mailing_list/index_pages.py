"""Reads the pages of a list's index, whose offsets shift meanwhile. Pages overlap, so that a gap shows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from core.errors import UnexpectedPayload
from trackers.mailing_list.parse import hash_of

OVERLAP = 3
"""Items that neighbouring pages share."""
TAIL = 10
"""How many of the last stored hashes a checkpoint keeps, to find the position again."""
MOST_STEPS_BACK = 10
FARTHEST = 100_000
"""How far beyond twice its count an index is read, for messages that arrive meanwhile."""


class Page(Protocol):
    """One page of the index."""

    @property
    def offset(self) -> int:
        """The offset of the first item in the index."""

    @property
    def count(self) -> int:
        """The number of messages in the whole list."""

    @property
    def items(self) -> Sequence[Mapping[str, Any]]:
        """The raw items, newest archived first."""


class Index(Protocol):
    """The requests for pages of the archive's index."""

    @property
    def page_size(self) -> int:
        """The number of items on a full page."""

    def index_page(self, list_name: str, offset: int) -> Page:
        """Fetch one page."""

    def index_pages(self, list_name: str, offsets: Iterable[int]) -> Iterator[Page]:
        """Fetch several pages concurrently, and yield them in order."""


def hashes_of(page: Page) -> list[str]:
    """Return the hashes on a page, in the page's order."""
    return [found for item in page.items if (found := hash_of(item))]


def at_end(page: Page) -> bool:
    """Return whether this is the last page."""
    return not page.items or page.offset + len(page.items) >= page.count


def pages_after(index: Index, list_name: str, page: Page, *, ahead: bool) -> Iterator[Page]:
    """Yield the pages that follow `page`, without a gap; raise if the index leads nowhere.

    :param ahead: request all of them at once, because all are needed, and look beyond a full page that is
        said to be the last one. Otherwise request one, then twice as many each time, because a walk that has
        come far probably needs many more.
    """
    several = page.count if ahead else 1
    farthest = 2 * page.count + FARTHEST
    while not at_end(page):
        step = max(1, len(page.items) - OVERLAP)
        start = page.offset + step
        offsets = range(start, max(page.count, start + 1), step)[:several]
        several *= 2
        for requested in index.index_pages(list_name, offsets):
            following = _without_gap(index, list_name, page, requested)
            if _is_beyond(index, list_name, page, following):
                return
            if following.offset > farthest:
                raise _odd(list_name, f"lists messages at offset {following.offset:,}, but counts fewer")
            yield following
            page = following
            if following is not requested or at_end(page):
                break
    if ahead and len(page.items) >= index.page_size:
        yield from _pages_beyond(index, list_name, page)


def _pages_beyond(index: Index, list_name: str, last: Page) -> Iterator[Page]:
    """Yield what follows a full page that is said to be the last one, if that was not true."""
    following = index.index_page(list_name, last.offset + max(1, len(last.items) - OVERLAP))
    if not set(hashes_of(following)) <= set(hashes_of(last)):
        yield following
        yield from pages_after(index, list_name, following, ahead=True)


def _is_beyond(index: Index, list_name: str, page: Page, following: Page) -> bool:
    """Return whether the index has ended before `following`; raise if it shows the same messages for ever."""
    if not following.items:
        return True
    if not hashes_of(following):
        raise _odd(list_name, f"none of the items at offset {following.offset:,} has a hash")
    if not set(hashes_of(following)) <= set(hashes_of(page)):
        return False
    if at_end(following) or not index.index_page(list_name, page.offset + len(page.items)).items:
        return True
    raise _odd(list_name, f"shows the same messages at the offsets {page.offset:,} and {following.offset:,}")


def _odd(list_name: str, what: str) -> UnexpectedPayload:
    return UnexpectedPayload(f"the index {what}", source="HyperKitty", identifier=list_name)


def _without_gap(index: Index, list_name: str, page: Page, following: Page) -> Page:
    """Return `following`, or a page nearer to `page` if items were removed meanwhile.

    If the two pages share no item, the index has moved up and items between them have not been seen.
    """
    seen = set(hashes_of(page))
    while seen.isdisjoint(hashes_of(following)) and following.offset > page.offset:
        nearer = max(page.offset, following.offset - _step_back(index))
        following = index.index_page(list_name, nearer)
    return following


def page_with(index: Index, list_name: str, hashes: Sequence[str], offset: int) -> Page | None:
    """Return the page that contains one of the hashes, trying `offset` and a few steps before it."""
    marks = set(hashes)
    for _ in range(MOST_STEPS_BACK):
        page = index.index_page(list_name, offset)
        if not marks.isdisjoint(hashes_of(page)):
            return page
        if offset == 0:
            return None
        offset = max(0, offset - _step_back(index))
    return None


def _step_back(index: Index) -> int:
    return max(1, index.page_size // 2)
