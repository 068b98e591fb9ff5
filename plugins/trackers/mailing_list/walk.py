"""Walking a list's index, whose offsets shift while we read. Pages share a few items, so a gap shows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from trackers.mailing_list.parse import hash_of

PAGE_SIZE = 100
OVERLAP = 3
STEP_BACK = PAGE_SIZE // 2
TAIL = 10


class Page(Protocol):
    """One page of the index."""

    @property
    def offset(self) -> int:
        """Where the page begins."""

    @property
    def count(self) -> int:
        """How many messages the list has."""

    @property
    def items(self) -> Sequence[Mapping[str, Any]]:
        """The raw items, newest archived first."""


class Index(Protocol):
    """What can be asked of the archive's index."""

    def index_page(self, list_name: str, offset: int) -> Page:
        """Fetch one page."""

    def index_pages(self, list_name: str, offsets: Iterable[int]) -> Iterator[Page]:
        """Fetch several pages, overlapping, in order."""


class Mode(StrEnum):
    """How far a run walks."""

    INCREMENTAL = "incremental"
    FULL_SCAN = "full_scan"
    FULL_REFRESH = "full_refresh"
    WINDOW = "window"

    @property
    def complete(self) -> bool:
        """Whether the walk sees the whole index, so that absence means something."""
        return self in (Mode.FULL_SCAN, Mode.FULL_REFRESH)


@dataclass(frozen=True)
class Walk:
    """A walk that has not reached its end.

    :param frontier: the first page at its start, the frontier once it is done.
    :param from_end: how many items, counted from the end of the listing, were still to come.
    :param tail: the last hashes that were stored, to recognise the place.
    """

    mode: Mode
    frontier: tuple[str, ...]
    from_end: int
    tail: tuple[str, ...]


@dataclass(frozen=True)
class ListState:
    """What the checkpoint of a list holds."""

    frontier: tuple[str, ...] = ()
    walk: Walk | None = None
    pending: Mapping[str, str] = field(default_factory=dict)
    """Messages whose details could not be read, with the reason; asked for again by the next run."""

    @classmethod
    def from_extras(cls, extras: Mapping[str, Any]) -> ListState:
        """Read what `as_extras` wrote."""
        raw = extras.get("walk")
        walk = None
        if raw:
            walk = Walk(Mode(raw["mode"]), tuple(raw["frontier"]), int(raw["from_end"]), tuple(raw["tail"]))
        return cls(tuple(extras.get("frontier", ())), walk, dict(extras.get("pending", {})))

    def as_extras(self) -> dict[str, Any]:
        """Return what is stored."""
        walk = self.walk and {
            "mode": str(self.walk.mode),
            "frontier": list(self.walk.frontier),
            "from_end": self.walk.from_end,
            "tail": list(self.walk.tail),
        }
        return {"frontier": list(self.frontier), "walk": walk, "pending": dict(self.pending)}


def hashes_of(page: Page) -> list[str]:
    """Return the hashes on a page, in its order."""
    return [found for item in page.items if (found := hash_of(item))]


def at_end(page: Page) -> bool:
    """Say whether nothing comes after this page."""
    return not page.items or page.offset + len(page.items) >= page.count


def pages_after(index: Index, list_name: str, page: Page, *, ahead: bool) -> Iterator[Page]:
    """Yield the pages that follow `page`, without a gap.

    :param ahead: request several pages at once, since all of them will be needed. Otherwise one, then twice
        as many each time: who has come far has probably far to go.
    """
    several = page.count if ahead else 1
    while not at_end(page):
        step = max(1, len(page.items) - OVERLAP)
        start = page.offset + step
        offsets = range(start, max(page.count, start + 1), step)[:several]
        several *= 2
        for planned in index.index_pages(list_name, offsets):
            following = _without_gap(index, list_name, page, planned)
            yield following
            page = following
            if following is not planned or at_end(page):
                break


def _without_gap(index: Index, list_name: str, page: Page, following: Page) -> Page:
    """Return `following`, or a page nearer to `page` if items above it were removed meanwhile.

    Where both pages are read and share nothing, the listing moved up and items between them were not seen.
    """
    seen = set(hashes_of(page))
    while seen.isdisjoint(hashes_of(following)) and following.offset > page.offset:
        nearer = max(page.offset, following.offset - STEP_BACK)
        following = index.index_page(list_name, nearer)
    return following


def resume_at(index: Index, list_name: str, walk: Walk, count: int) -> Page | None:
    """Return the page on which an unfinished walk ended, or None if the place cannot be found."""
    offset = max(0, count - walk.from_end - TAIL)
    marks = set(walk.tail)
    for _ in range(10):
        page = index.index_page(list_name, offset)
        if not marks.isdisjoint(hashes_of(page)):
            return page
        if offset == 0:
            return None
        offset = max(0, offset - STEP_BACK)
    return None
