"""A stream: one listing of one unit, read page by page, with a checkpoint after each.

A first load may take hours of quota: the next run goes on at the page where this one ended. A listing that
has not changed since the last run costs one request and, where validators are free, no quota.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace

from core import checkpoints, http_cache
from core.errors import NotFound, RequestRefused, UnexpectedPayload
from core.listing import Listing, Page, Position, Step
from core.session import UnitSession

REFRESHING = "refreshing"
"""Key of a checkpoint's extras: a refresh of everything has not come to its end."""


class Stream:
    """Reads a listing from where the last run ended.

    :param source: the tracker's package; the checkpoint's scope is the unit's name.
    :param name: what is listed, such as `issues`.
    :param refresh: begin anew and ask for everything; if that is killed, the next refresh goes on.
    :param since: a key to begin from instead; such a run moves no checkpoint.
    :param moves: whether the checkpoint moves, which it must not if the caller leaves out items.
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
    ) -> None:
        self._session, self._source, self.name, self._listing = session, source, name, listing
        self._moves = moves and since is None
        self._checkpoint = checkpoints.read(session.conn, source, session.name, name)
        unfinished = bool(self._checkpoint.extras.get(REFRESHING))
        stored = _position(self._checkpoint)
        self._refreshing = self._moves and (refresh or unfinished)
        self._at = stored
        if since is not None:
            self._at = Position(since)
        elif refresh and not unfinished:
            self._at = Position()
        self._begins = self._at
        self._began_again = False
        self._links: set[int] = set()
        self._step: Step | None = None
        self._page: Page | None = None

    @property
    def saw_everything(self) -> bool:
        """Whether this run has listed everything from the beginning to the end.

        Only then does a stored item that was not seen no longer exist.
        """
        return self._begins == Position() and self._step is not None and self._step.complete

    def pages(self) -> Iterator[Page]:
        """Yield the pages that may hold something new; `save` each in the transaction of its rows."""
        while True:
            page, step = self._next()
            left = 0 if step.complete else (page.requests_left or 0)
            self._session.progress.expect_requests(self.name, left)
            if page.unchanged:
                self._step = step
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

    def save(self, page: Page) -> None:
        """Move the checkpoint past a page, in the transaction that stores its items."""
        if page is not self._page or self._step is None:
            raise ValueError("only the page that `pages` yielded last can be saved")
        if not self._moves:
            return
        step, conn, now = self._step, self._session.conn, self._session.clock.now()
        refreshing = self._refreshing and not step.complete
        if step.position != _position(self._checkpoint) or refreshing != self._checkpoint.extras.get(
            REFRESHING, False
        ):
            self._checkpoint = checkpoints.advance(
                conn,
                self._checkpoint,
                token=step.position.since,
                marker=step.position.newest or step.position.since,
                extras=_extras(step.position, refreshing=refreshing),
                clock=self._session.clock,
            )
        # Only if the next run asks for this page: a validator says nothing about another one.
        if step.complete and self._at == Position(step.position.since) and page.validator.headers():
            key = (self._source, self._session.name, self.name, step.position.since)
            http_cache.save(conn, *key, page.identity, page.validator, now)

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
                self._session.log.warning(f"{self.name}: begins again, its position is refused: {error}")
                self._at = self._begins = anew
                self._began_again = True
                self._links.clear()

    def _fetch(self) -> Page:
        at = self._at
        if at is not self._begins or at.link or self._refreshing or not self._moves:
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
    known = {name: value for name, value in checkpoint.extras.items() if name != REFRESHING}
    usable = all(type(value) is type(getattr(start, name, None)) for name, value in known.items())
    return replace(start, **known) if usable else start


def _extras(position: Position, *, refreshing: bool) -> dict[str, object]:
    """Return what the token does not say, without what is as at the start."""
    start = asdict(Position(position.since))
    found = {name: value for name, value in asdict(position).items() if value != start[name]}
    return found | ({REFRESHING: True} if refreshing else {})
