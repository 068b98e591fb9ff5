"""Which pages of the index a run visits, and what its checkpoint may say after each."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import datetime

from trackers.mailing_list.parse import parse_listed
from trackers.mailing_list.walk import (
    TAIL,
    Index,
    ListState,
    Mode,
    Page,
    Walk,
    at_end,
    hashes_of,
    pages_after,
    resume_at,
)


@dataclass(frozen=True)
class Visit:
    """A page to store.

    :param walk: what the checkpoint says of the unfinished walk once this page is stored.
    :param refresh: whether messages that are known are fetched again.
    """

    page: Page
    walk: Walk | None
    refresh: bool = False


class Route:
    """The pages of one run over one list.

    :param old_before: with a lower bound, the instant before which a whole page means: far enough.
    """

    def __init__(
        self,
        index: Index,
        list_name: str,
        mode: Mode,
        state: ListState,
        *,
        refresh: bool = False,
        old_before: datetime | None = None,
    ) -> None:
        self.index, self.list_name, self.mode, self.state = index, list_name, mode, state
        self.refresh, self.old_before = refresh, old_before
        unfinished = state.walk if state.walk and state.walk.mode is mode else None
        self.unfinished = unfinished
        self.frontier: tuple[str, ...] = ()

    def describe(self) -> str:
        """Say for people what is going to be walked."""
        if self.mode is Mode.WINDOW:
            return "a part of it was asked for, so no checkpoint moves"
        if self.unfinished:
            return "an unfinished walk goes on"
        if self.mode.complete:
            return "every page is walked"
        return "up to what is known" if self.state.frontier else "first run, everything is collected"

    def visits(self, top: Page) -> Iterator[Visit]:
        """Yield the pages in the order of the index, newest first."""
        self.frontier = tuple(hashes_of(top))
        if self.mode is Mode.WINDOW:
            yield from self._window(top)
        elif self.mode is Mode.FULL_SCAN:
            # Nothing is fetched again, so a killed scan starts over: its index pages are cheap, and only
            # a walk seen from end to end can tell what is missing.
            for page in self._everything(top):
                yield Visit(page, self.state.walk)
        elif self.mode is Mode.FULL_REFRESH:
            yield from self._refresh(top)
        else:
            yield from self._news(top)

    def _everything(self, top: Page) -> Iterator[Page]:
        yield top
        yield from pages_after(self.index, self.list_name, top, ahead=True)

    def _window(self, top: Page) -> Iterator[Visit]:
        """Stop only after a whole page far before the window: the index is not ordered by date."""
        yield Visit(top, None, self.refresh)
        for page in pages_after(self.index, self.list_name, top, ahead=self.old_before is None):
            if self._far_before(page):
                break
            yield Visit(page, None, self.refresh)

    def _far_before(self, page: Page) -> bool:
        if self.old_before is None or not page.items:
            return False
        dates = [listed.sent_at for item in page.items if (listed := parse_listed(item))]
        return bool(dates) and all(date is not None and date < self.old_before for date in dates)

    def _refresh(self, top: Page) -> Iterator[Visit]:
        """Every page, so that the walk is complete; details only below where a killed walk had come to."""
        unfinished = self.unfinished
        for page in self._everything(top):
            if unfinished and self._reached(unfinished, page):
                unfinished = None
            walk = unfinished or self._after(page)
            yield Visit(page, walk, refresh=unfinished is None)

    @staticmethod
    def _reached(walk: Walk, page: Page) -> bool:
        met = not set(walk.tail).isdisjoint(hashes_of(page))
        return met or page.offset + len(page.items) >= page.count - walk.from_end

    def _news(self, top: Page) -> Iterator[Visit]:
        """Down to the frontier and one page more, past what a killed walk has already stored."""
        page = top
        if self.unfinished:
            page = yield from self._resume(self.unfinished, top)
        else:
            yield Visit(top, self._after(top))
        if self.state.frontier:
            for following in self._down_to(self.state.frontier, page):
                yield Visit(following, self._after(following))
        else:
            for following in pages_after(self.index, self.list_name, page, ahead=True):
                yield Visit(following, self._after(following))

    def _resume(self, walk: Walk, top: Page) -> Generator[Visit, None, Page]:
        """Yield what came on top since, then where the killed walk ended; return that page."""
        yield Visit(top, walk)
        page = top
        for page in self._down_to(walk.frontier, top):
            yield Visit(page, walk)
        if at_end(page):
            return page
        ended_on = resume_at(self.index, self.list_name, walk, page.count)
        if ended_on is not None and ended_on.offset > page.offset:
            page = ended_on
            yield Visit(page, self._after(page))
        return page

    def _down_to(self, frontier: tuple[str, ...], page: Page) -> Iterator[Page]:
        """Yield the pages after `page` up to one beyond that which meets the frontier."""
        marks = set(frontier)
        met = not marks.isdisjoint(hashes_of(page))
        for following in pages_after(self.index, self.list_name, page, ahead=False):
            yield following
            if met:
                return
            met = not marks.isdisjoint(hashes_of(following))

    def _after(self, page: Page) -> Walk:
        from_end = max(0, page.count - page.offset - len(page.items))
        return Walk(self.mode, self.frontier, from_end, tuple(hashes_of(page)[-TAIL:]))
