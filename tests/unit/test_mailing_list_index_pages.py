"""Reading an index: how many pages are requested at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from hooks.mailing_list_hook import IndexPage
from trackers.mailing_list.index_pages import pages_after

PER_PAGE = 10


class Listing:
    """An index of numbered messages that records how many pages were requested together."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.together: list[int] = []

    def index_page(self, list_name: str, offset: int) -> IndexPage:
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
