"""Reading an index: how many pages are requested at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import pytest

from core.errors import UnexpectedPayload
from hooks.mailing_list_hook import IndexPage
from trackers.mailing_list.index_pages import pages_after

PER_PAGE = 10


class Listing:
    """An index of numbered messages that records how many pages were requested together."""

    page_size = PER_PAGE

    def __init__(self, count: int) -> None:
        self.count = count
        self.together: list[int] = []
        self.requests = 0

    def index_page(self, list_name: str, offset: int) -> IndexPage:
        self.requests += 1
        assert self.requests < 500, "asks for ever"
        return self.page(offset)

    def page(self, offset: int) -> IndexPage:
        items = range(offset, min(offset + PER_PAGE, self.count))
        return IndexPage(offset, self.count, tuple({"message_id_hash": f"H{n}"} for n in items))

    def index_pages(self, list_name: str, offsets: Iterable[int]) -> Iterator[IndexPage]:
        requested = list(offsets)
        self.together.append(len(requested))
        for offset in requested:
            yield self.index_page(list_name, offset)


def read_offsets(listing: Listing, *, ahead: bool, pages: int | None = None) -> list[int]:
    following = pages_after(listing, "boost", listing.index_page("boost", 0), ahead=ahead)
    return [page.offset for page in islice(following, pages)]


def test_an_incremental_run_requests_one_page_at_first() -> None:
    listing = Listing(500)
    assert read_offsets(listing, ahead=False, pages=1) == [7]
    assert listing.together == [1]


def test_the_number_of_pages_requested_at_once_doubles() -> None:
    listing = Listing(500)
    assert read_offsets(listing, ahead=False) == list(range(7, 500 - 3, 7))
    assert listing.together == [1, 2, 4, 8, 16, 32, 8]


def test_a_full_scan_requests_all_pages_at_once() -> None:
    listing = Listing(500)
    assert read_offsets(listing, ahead=True) == list(range(7, 500 - 3, 7))
    assert listing.together == [71]


class Odd(Listing):
    """An index of 35 messages that is not what its numbers say."""

    def __init__(self, oddity: str) -> None:
        super().__init__(35)
        self.oddity = oddity

    def page(self, offset: int) -> IndexPage:
        page = super().page(0 if self.oddity == "ignores the offset" else offset)
        items = page.items
        if self.oddity == "has no hashes" and offset:
            items = tuple({"subject": "x"} for _ in items)
        if self.oddity == "has empty pages" and offset > 20:
            items = ()
        count = {"counts one more": 36, "counts many more": 900, "counts ten": 10, "grows": offset + 11}
        if self.oddity == "is endless":
            items = tuple({"message_id_hash": f"H{n}"} for n in range(offset, offset + PER_PAGE))
            return IndexPage(offset, offset + PER_PAGE + 1, items)
        return IndexPage(offset, count.get(self.oddity, 35), items)


def found(oddity: str) -> set[str]:
    """Return the hashes that a walk over everything finds."""
    listing = Odd(oddity)
    first = listing.index_page("boost", 0)
    pages = [first, *pages_after(listing, "boost", first, ahead=True)]
    return {item["message_id_hash"] for page in pages for item in page.items}


@pytest.mark.parametrize("oddity", ["counts one more", "counts many more", "counts ten", "grows"])
def test_a_wrong_count_neither_ends_a_walk_nor_makes_it_endless(oddity: str) -> None:
    assert found(oddity) == {f"H{n}" for n in range(35)}


def test_an_empty_page_is_the_end() -> None:
    assert found("has empty pages") >= {f"H{n}" for n in range(20)}


@pytest.mark.parametrize(
    ("oddity", "message"),
    [
        ("ignores the offset", "shows the same messages at the offsets 0 and"),
        ("has no hashes", "none of the items at offset 7 has a hash|shows the same messages"),
        ("is endless", "lists messages at offset"),
    ],
)
def test_an_index_that_leads_nowhere_is_an_error(
    oddity: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trackers.mailing_list.index_pages.FARTHEST", 100)
    with pytest.raises(UnexpectedPayload, match=message):
        found(oddity)
