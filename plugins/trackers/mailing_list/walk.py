"""Decides which pages of the index a run visits, and where its checkpoint moves after each."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import datetime

from trackers.mailing_list.index_pages import TAIL, Index, Page, at_end, hashes_of, page_with, pages_after
from trackers.mailing_list.list_state import ListState, Mode, UnfinishedWalk
from trackers.mailing_list.parse import parse_listed


@dataclass(frozen=True)
class Visit:
    """A page to store.

    :param unfinished: the state of the walk in the checkpoint once this page is stored.
    :param refresh: whether known messages are fetched again.
    """

    page: Page
    unfinished: UnfinishedWalk | None
    refresh: bool = False


@dataclass(frozen=True)
class Walk:
    """The pages of one run over one list.

    :param state: the stored state of the list before this run.
    :param refresh: whether known messages are fetched again.
    :param old_before: in a run with `since`, the walk ends at a page whose messages are all older than this.
    """

    index: Index
    list_name: str
    mode: Mode
    state: ListState
    refresh: bool = False
    old_before: datetime | None = None

    @property
    def resumed(self) -> UnfinishedWalk | None:
        """The killed walk that this one continues, which must have the same mode."""
        unfinished = self.state.unfinished
        return unfinished if unfinished and unfinished.mode is self.mode else None

    def describe(self) -> str:
        """Return as text which pages the walk will visit."""
        if self.mode is Mode.WINDOW:
            return "only a part of it was requested, so the checkpoint does not move"
        if self.resumed:
            return "continuing an unfinished walk"
        if self.mode.complete:
            return "walking every page"
        return "back to the last run" if self.state.frontier else "first run, collecting everything"

    def visits(self, top: Page) -> Iterator[Visit]:
        """Yield the pages in the order of the index, newest first."""
        if self.mode is Mode.WINDOW:
            yield from self._window(top)
        elif self.mode is Mode.FULL_SCAN:
            # A killed scan starts over: it fetches no details again, index pages are cheap, and only a walk
            # over the whole index can prove that a message is missing.
            for page in self._everything(top):
                yield Visit(page, self.state.unfinished)
        elif self.mode is Mode.FULL_REFRESH:
            yield from self._refresh(top)
        else:
            yield from self._news(top)

    def _everything(self, top: Page) -> Iterator[Page]:
        yield top
        yield from pages_after(self.index, self.list_name, top, ahead=True)

    def _window(self, top: Page) -> Iterator[Visit]:
        """Stop only at a page that lies completely before the window: the index is not ordered by date."""
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
        """Visit every page, so that the walk is complete; refresh only those that no killed walk reached."""
        frontier, resumed = tuple(hashes_of(top)), self.resumed
        for page in self._everything(top):
            if resumed and _reached(resumed, page):
                resumed = None
            yield Visit(page, resumed or self._after(page, frontier), refresh=resumed is None)

    def _news(self, top: Page) -> Iterator[Visit]:
        """Visit pages down to the frontier and one more, skipping what a killed walk has already stored."""
        page, frontier = top, tuple(hashes_of(top))
        if self.resumed:
            page = yield from self._resume(self.resumed, top, frontier)
        else:
            yield Visit(top, self._after(top, frontier))
        if self.state.frontier:
            pages = self._down_to(self.state.frontier, page)
        else:
            pages = pages_after(self.index, self.list_name, page, ahead=True)
        for following in pages:
            yield Visit(following, self._after(following, frontier))

    def _resume(
        self, killed: UnfinishedWalk, top: Page, frontier: tuple[str, ...]
    ) -> Generator[Visit, None, Page]:
        """Yield the pages that are new since, then the page where the killed walk ended; return that page."""
        yield Visit(top, killed)
        page = top
        for page in self._down_to(killed.frontier, top):
            yield Visit(page, killed)
        if at_end(page):
            return page
        offset = max(0, page.count - killed.from_end - TAIL)
        ended_on = page_with(self.index, self.list_name, killed.tail, offset)
        if ended_on is not None and ended_on.offset > page.offset:
            page = ended_on
            yield Visit(page, self._after(page, frontier))
        return page

    def _down_to(self, frontier: tuple[str, ...], page: Page) -> Iterator[Page]:
        """Yield the pages after `page`, up to the one after the page that contains the frontier."""
        marks = set(frontier)
        at_frontier = not marks.isdisjoint(hashes_of(page))
        for following in pages_after(self.index, self.list_name, page, ahead=False):
            yield following
            if at_frontier:
                return
            at_frontier = not marks.isdisjoint(hashes_of(following))

    def _after(self, page: Page, frontier: tuple[str, ...]) -> UnfinishedWalk:
        from_end = max(0, page.count - page.offset - len(page.items))
        return UnfinishedWalk(self.mode, frontier, from_end, tuple(hashes_of(page)[-TAIL:]))


def _reached(killed: UnfinishedWalk, page: Page) -> bool:
    """Return whether a page contains the position that a killed walk had reached."""
    has_tail = not set(killed.tail).isdisjoint(hashes_of(page))
    return has_tail or page.offset + len(page.items) >= page.count - killed.from_end
