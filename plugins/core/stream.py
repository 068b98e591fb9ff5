"""A stream: one listing of one unit, read page by page, with a checkpoint after each.

A first load, a refresh or a window may take hours of quota: the next try goes on at the page where this one
ended. A listing that has not changed since the last run costs one request and, where validators are free, no
quota.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace

from core import checkpoints, http_cache, seen
from core.errors import NotFound, RequestRefused, UnexpectedPayload
from core.listing import Listing, Page, Position, Step
from core.session import UnitSession

RUN, PHASE = "run", "phase"
"""Keys of a checkpoint's extras: which run asked for a refresh or a window, and how far it has come."""
LISTING, LISTED, DONE = "listing", "listed", "done"
"""The phases: not at its end yet; at its end, but what it did not show is still to be looked at; all done."""


class Stream:
    """Reads a listing from where the last run ended.

    :param source: the tracker's package; the checkpoint's scope is the unit's name.
    :param name: what is listed, such as `issues`.
    :param refresh: list everything from the beginning, once in all tries of a run. Whichever run is next goes
        on with a refresh that was not completed.
    :param since: a key to begin from instead, for a window. The checkpoint stays; the window has its own.
    :param moves: whether the checkpoint moves, which it must not if the caller leaves out items.
    :param finds_missing: note what a refresh shows, to find what it does not show any more.
    """

    def __init__(
        self,
        session: UnitSession,
        source: str,
        name: str,
        listing: Listing,
        *,
        refresh: bool = False,
        since: str | None = None,
        moves: bool = True,
        finds_missing: bool = False,
    ) -> None:
        self._session, self._source, self.name, self._listing = session, source, name, listing
        self._is_window = since is not None
        self._moves = moves or self._is_window
        self._finds_missing = finds_missing and self._moves and not self._is_window
        stored_as = f"{name}, window" if self._is_window else name
        self._checkpoint = checkpoints.read(session.conn, source, session.name, stored_as)
        self._run, self._phase = (str(self._checkpoint.extras.get(key, "")) for key in (RUN, PHASE))
        self._at, self._is_new = _position(self._checkpoint), False
        if self._is_another_run(refresh):
            self._at, self._is_new = Position(since or ""), True
            self._run, self._phase = session.run_key, LISTING
        elif refresh and self._moves and self._phase in (LISTING, LISTED):
            self._run = session.run_key  # Going on with another run's refresh counts as this run's own.
        self._begins = self._at
        self._began_again = False
        self._links: set[int] = set()
        self._step: Step | None = None
        self._page: Page | None = None

    @property
    def has_shown_everything(self) -> bool:
        """Whether a refresh has come to its end, and what it has not shown is still to be looked at.

        What is stored, but not in `core.seen_item`, no longer exists. `settle` when that is dealt with.
        """
        return self._finds_missing and self._phase == LISTED

    def pages(self) -> Iterator[Page]:
        """Yield the pages that may hold something new; `save` each in the transaction of its rows."""
        while not (self._is_window and self._phase == DONE):
            page, step = self._next()
            left = 0 if step.complete else (page.requests_left or 0)
            self._session.progress.expect_requests(self.name, left)
            if page.unchanged:
                self._session.progress.count("unchanged_listings")
                return
            if step.position.since != self._at.since:
                self._links.clear()
            if step.position.link and not step.complete:
                self._require_new(step.position)
            self._page, self._step = page, step
            yield page
            if step.complete:
                return
            self._at = step.position

    def save(self, page: Page, keys: Iterable[str] = ()) -> None:
        """Move the checkpoint past a page, in the transaction that stores its items.

        :param keys: by which its items are stored, if the stream finds missing ones.
        """
        if page is not self._page or self._step is None:
            raise ValueError("only the page that `pages` yielded last can be saved")
        if not self._moves:
            return
        step, conn = self._step, self._session.conn
        if self._finds_missing:
            if self._is_new:
                seen.forget(conn, self._source, self._session.name, self.name)
            if self._phase in (LISTING, LISTED):
                self.add_seen(keys)
        if self._phase == LISTING and step.complete:
            self._phase = LISTED if self._finds_missing else DONE
        self._is_new = False
        self._advance(step.position)
        # Only if the next run asks for this page: a validator says nothing about another one.
        is_next = step.complete and not self._is_window and self._at == Position(step.position.since)
        if is_next and step.validates and page.validator.headers():
            key = (self._source, self._session.name, self.name, step.position.since)
            http_cache.save(conn, *key, page.identity, page.validator, self._session.clock.now())

    def add_seen(self, keys: Iterable[str]) -> None:
        """Note that items exist, in the transaction that stores them."""
        seen.add(self._session.conn, self._source, self._session.name, self.name, keys)

    def settle(self) -> None:
        """Note that what a refresh has not shown is dealt with, in the transaction of the last of it."""
        self._phase = DONE
        seen.forget(self._session.conn, self._source, self._session.name, self.name)
        self._advance(_position(self._checkpoint))

    def _is_another_run(self, refresh: bool) -> bool:
        """Return whether a refresh or a window begins, rather than going on in another try."""
        if self._run == self._session.run_key:
            return False
        return self._is_window or (refresh and self._moves and self._phase not in (LISTING, LISTED))

    def _advance(self, position: Position) -> None:
        extras = _extras(position) | ({RUN: self._run, PHASE: self._phase} if self._phase else {})
        if (position.since, extras) != (self._checkpoint.token or "", dict(self._checkpoint.extras)):
            self._checkpoint = checkpoints.advance(
                self._session.conn,
                self._checkpoint,
                token=position.since,
                marker=position.newest or position.since,
                extras=extras,
                clock=self._session.clock,
            )

    def _next(self) -> tuple[Page, Step]:
        """Fetch the page at the position, and find where to go on.

        A position within a listing may no longer be valid: a cursor expires, items move. Then the listing
        begins again at its key, once in a run.
        """
        while True:
            try:
                page = self._fetch()
                return page, self._listing.step(self._at, page)
            except (NotFound, RequestRefused, UnexpectedPayload) as error:
                anew = Position(self._at.since)
                if self._began_again or self._at == anew:
                    raise
                self._session.log.warning(
                    f"{self.name}: starting over, because the source refused its position: {error}"
                )
                self._at = self._begins = anew
                self._began_again = True
                self._links.clear()

    def _fetch(self) -> Page:
        at = self._at
        if at is not self._begins or at.link or self._phase == LISTING or not self._moves:
            return self._listing.fetch(at, {})
        key = (self._source, self._session.name, self.name, at.since)
        return self._listing.fetch(at, http_cache.read(self._session.conn, *key))

    def _require_new(self, position: Position) -> None:
        """Refuse a link that was followed before: the listing would never end."""
        key = hash((position.since, position.link, position.passes))
        if key in self._links:
            raise UnexpectedPayload(
                "leads back to a page that was shown before", source=self.name, identifier=self._session.name
            )
        self._links.add(key)


def _position(checkpoint: checkpoints.Checkpoint) -> Position:
    """Return the position that `_extras` and the token hold.

    What another version of this code has stored may have other fields; then only the key is taken.
    """
    start = Position(checkpoint.token or "")
    known = {name: value for name, value in checkpoint.extras.items() if name not in (RUN, PHASE)}
    usable = all(type(value) is type(getattr(start, name, None)) for name, value in known.items())
    return replace(start, **known) if usable else start


def _extras(position: Position) -> dict[str, object]:
    """Return what the token does not say, without what is as at the start."""
    start = asdict(Position(position.since))
    return {name: value for name, value in asdict(position).items() if value != start[name]}
