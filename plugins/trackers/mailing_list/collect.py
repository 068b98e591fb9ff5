"""Hook + store + window → counts. One list after the other; a failing list does not stop the others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

import structlog

from core import checkpoints
from core.clock import Clock
from core.database import Conn
from core.errors import CollectorError, NotFound, UnexpectedPayload
from core.progress import Progress
from core.protocols import Collected
from core.raw import RawItem
from core.units import collect_units
from trackers.mailing_list import store
from trackers.mailing_list.drop_in import Folder, take_in
from trackers.mailing_list.fetch import Details, MessageSource, Slice
from trackers.mailing_list.mbox import FEW_NEWS, WORTH_IT, Exports, ExportSource
from trackers.mailing_list.options import MailingListOptions
from trackers.mailing_list.parse import Listed, parse_listed
from trackers.mailing_list.route import Route, Visit
from trackers.mailing_list.walk import Index, ListState, Mode, Walk, hashes_of

STREAM = "index"
MISSING_PER_QUERY = 500
FEW_BAD, BAD_SHARE = 20, 0.05
"""A list fails when more messages than these could not be read."""
NAMED_IN_LOG = 10
TOLD_FIRST = ("new", "updated", "known", "pages")
log = structlog.get_logger("collector")


class Archive(Index, MessageSource, ExportSource, Protocol):
    """What the collector needs of the archive."""


def collect(
    archive: Archive,
    conn: Conn,
    options: MailingListOptions,
    progress: Progress,
    clock: Clock,
    drop_in: Folder | None = None,
) -> Collected:
    """Collect every list asked for; raise `UnitsFailed` at the end if some could not be.

    :param drop_in: folder in which people put files, one folder per list.
    """

    def work(list_name: str) -> None:
        refused: UnexpectedPayload | None = None
        if drop_in is not None:
            progress.begin_unit(list_name)
            try:
                take_in(drop_in, conn, list_name, options.list_names, progress, clock)
            except UnexpectedPayload as error:
                refused = error
        ListCollector(archive, conn, list_name, options, progress, clock).run()
        if refused is not None:
            raise refused

    return collect_units(
        options.list_names, work, conn=conn, progress=progress, clock=clock, told_first=TOLD_FIRST
    )


def mode_of(options: MailingListOptions) -> Mode:
    """Return how far a run with these options walks."""
    if options.windowed:
        return Mode.WINDOW
    if options.full_refresh:
        return Mode.FULL_REFRESH
    return Mode.FULL_SCAN if options.full_scan else Mode.INCREMENTAL


@dataclass
class ListCollector:
    """Walks one list's index and stores what is new or changed, page by page."""

    archive: Archive
    conn: Conn
    list_name: str
    options: MailingListOptions
    progress: Progress
    clock: Clock

    def __post_init__(self) -> None:
        self.checkpoint = checkpoints.read(self.conn, store.SOURCE, self.list_name, STREAM)
        self.state = ListState.from_extras(self.checkpoint.extras)
        self.pending = dict(self.state.pending)
        news = mode_of(self.options) is Mode.INCREMENTAL and bool(self.state.frontier)
        exports = Exports(self.archive, self.list_name, FEW_NEWS if news else WORTH_IT)
        exports.allowed = self.options.by_export
        self.details = Details(self.archive, self.list_name, self.clock, exports)
        self.asked = self.bad = 0
        self.page_before: set[str] = set()
        since, slack = self.options.since, timedelta(days=self.options.date_slack_days)
        self.route = Route(
            self.archive,
            self.list_name,
            mode_of(self.options),
            self.state,
            refresh=self.options.full_refresh,
            old_before=since - slack if since else None,
        )

    @property
    def moves(self) -> bool:
        """Whether this run moves the checkpoint."""
        return self.route.mode is not Mode.WINDOW

    def run(self) -> None:
        """Collect the list."""
        try:
            self._walk()
        finally:
            self.details.close()

    def _walk(self) -> None:
        top = self.archive.index_page(self.list_name, 0)
        self.progress.begin_unit(self.list_name, total=top.count)
        log.info(f"{self.list_name}: {top.count:,} messages in the archive; {self.route.describe()}")
        if self.moves:
            self._ask_pending_again()
        seen = store.Seen(self.conn) if self.route.mode.complete else None
        for visit in self.route.visits(top):
            if seen is not None:
                seen.add(hashes_of(visit.page))
            self._visit(visit)
            if self.options.limit is not None and self.asked >= self.options.limit:
                log.info(f"{self.list_name}: stopped at the limit of {self.options.limit}")
                break
        if seen is not None:
            self._find_removed(seen)
        if self.moves:
            with self.conn.transaction():
                self._move(ListState(self.route.frontier, None, self.pending))

    # -- one page --------------------------------------------------------------------------------------

    def _visit(self, visit: Visit) -> None:
        listed = self._listed(visit.page.items)
        known = store.find_known(self.conn, self.list_name, listed)
        changes = [
            (item, _payload_of_item(self.list_name, raw, item, self.clock))
            for message_hash, (item, raw) in listed.items()
            if message_hash in known and known[message_hash].differs(item)
        ]
        asked_before = self.page_before | (self.pending.keys() if self.moves else set())
        wanted = [
            message_hash
            for message_hash, (item, _) in listed.items()
            if message_hash not in asked_before
            and (visit.refresh or message_hash not in known)
            and self._in_window(item)
        ]
        if self.options.limit is not None:
            wanted = wanted[: self.options.limit - self.asked]
        self.progress.count("pages")
        self.progress.count("known", len(known.keys() - set(wanted) - self.page_before))
        self.page_before = set(listed)  # the next page begins with the last items of this one
        exported = self.details.exported
        slices = self.details.slices(wanted, listed)
        part = next(slices, Slice())
        for following in slices:
            with self.conn.transaction():
                self._store(part)
            self._account(part)
            part = following
        with self.conn.transaction():
            self._store(part)
            relisted = store.save_relisted(self.conn, self.list_name, changes, self.clock.now())
            if self.moves and (wanted or changes):
                self._move(self._state_after(part, visit.walk))
        self.progress.count("updated", relisted)
        self.progress.count("from_export", self.details.exported - exported)
        self._account(part)
        self.progress.advance(len(listed))

    def _listed(self, items: Any) -> dict[str, tuple[Listed, Mapping[str, Any]]]:
        listed: dict[str, tuple[Listed, Mapping[str, Any]]] = {}
        for raw in items:
            item = parse_listed(raw)
            if item is None:
                self.progress.count("skipped_without_link")
            else:
                listed[item.message_hash] = (item, raw)
        return listed

    def _in_window(self, item: Listed) -> bool:
        since, until = self.options.since, self.options.until
        if since is None and until is None:
            return True
        if item.sent_at is None:
            self.progress.count("undated")
            return False
        return (since is None or item.sent_at >= since) and (until is None or item.sent_at <= until)

    def _store(self, part: Slice) -> None:
        now = self.clock.now()
        merged = store.save_messages(self.conn, part.messages, part.payloads, now)
        store.save_nameless(self.conn, part.nameless)
        self.progress.count("new", merged.inserted)
        self.progress.count("updated", merged.updated)
        self.progress.count("unchanged", merged.unchanged)

    def _account(self, part: Slice) -> None:
        """Count and name what could not be taken as it is, once the rest is stored."""
        for message in part.messages:
            if message.warnings:
                self.progress.count("incomplete")
                if self.progress.counts["incomplete"] <= NAMED_IN_LOG:
                    log.warning(f"{self.list_name}: {message.message_hash}: {', '.join(message.warnings)}")
        self.progress.count("removed_meanwhile", len(part.removed))
        self.progress.count("too_large", len(part.too_large))
        self.progress.count("without_hash", len(part.nameless))
        self.progress.count("unreadable", len(part.failed))
        for message_hash in part.too_large:
            log.warning(f"{self.list_name}: {message_hash}: larger than bdc_max_body_mb allows, left out")
        for payload in part.nameless:
            log.warning(f"{payload.key}: has no message_id_hash, kept as raw payload only")
        for message_hash, reason in part.failed.items():
            log.warning(f"{self.list_name}: {message_hash}: {reason}; asked for again by the next run")
        self.pending |= part.failed
        self.asked += part.asked
        self.bad += len(part.failed)
        if self.bad > max(FEW_BAD, self.asked * BAD_SHARE):
            raise UnexpectedPayload(
                f"{self.bad} of {self.asked} messages cannot be read; is this really a HyperKitty archive?",
                source="HyperKitty",
                identifier=self.list_name,
            )

    # -- the checkpoint --------------------------------------------------------------------------------

    def _state_after(self, part: Slice, walk: Walk | None) -> ListState:
        return ListState(self.state.frontier, walk, self.pending | part.failed)

    def _move(self, state: ListState) -> None:
        if (
            state.as_extras() != ListState.from_extras(self.checkpoint.extras).as_extras()
            or not self.checkpoint.revision
        ):
            self.checkpoint = checkpoints.advance(
                self.conn,
                self.checkpoint,
                token=state.frontier[0] if state.frontier else None,
                marker=f"walking, {state.walk.from_end:,} to go" if state.walk else "complete",
                extras=state.as_extras(),
                clock=self.clock,
            )

    def _ask_pending_again(self) -> None:
        """Fetch what earlier runs could not read."""
        for part in self.details.slices(sorted(self.pending)):
            nameless = [payload.key.rpartition("/")[2] for payload in part.nameless]
            stored = [message.message_hash for message in part.messages]
            for message_hash in stored + nameless + part.removed + part.too_large:
                self.pending.pop(message_hash, None)
            with self.conn.transaction():
                self._store(part)
                self._move(self._state_after(part, self.state.walk))
            self._account(part)

    # -- what is gone ----------------------------------------------------------------------------------

    def _find_removed(self, seen: store.Seen) -> None:
        """Mark messages that a complete walk did not show and whose details are gone, too."""
        after = ""
        while missing := seen.missing(self.list_name, after, MISSING_PER_QUERY):
            gone = []
            for message_hash, outcome in self.archive.messages(self.list_name, missing):
                if isinstance(outcome, NotFound):
                    gone.append(message_hash)
                elif isinstance(outcome, CollectorError):
                    raise outcome
                else:
                    self.progress.count("unlisted")
            with self.conn.transaction():
                self.progress.count(
                    "removed", store.mark_deleted(self.conn, self.list_name, gone, self.clock.now())
                )
            after = missing[-1]


def _payload_of_item(list_name: str, raw: Mapping[str, Any], item: Listed, clock: Clock) -> RawItem:
    """Return the index item as raw of its own kind, compared by what the index can change."""
    stable = f"{item.thread_hash}\n{item.parent_hash}\n{item.subject}".encode()
    body = json.dumps(raw, sort_keys=True).encode()
    return RawItem(store.raw_key(list_name, item.message_hash), body, clock.now(), stable=stable)
