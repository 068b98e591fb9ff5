"""Collects the lists, one after the other; a failing list does not stop the others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from core.clock import Clock
from core.errors import CollectorError, NotFound, UnexpectedPayload
from core.protocols import Collected
from core.raw import RawItem
from core.session import Session, UnitSession
from core.units import collect_units
from trackers.mailing_list import store
from trackers.mailing_list.batch_report import BatchReport
from trackers.mailing_list.import_folder import Folder, import_files
from trackers.mailing_list.index_pages import Index, Page, hashes_of
from trackers.mailing_list.list_state import ListPosition, Mode
from trackers.mailing_list.mbox import ExportSource, exports_for
from trackers.mailing_list.message_fetcher import MessageBatch, MessageFetcher, MessageSource
from trackers.mailing_list.options import MailingListOptions
from trackers.mailing_list.parse import Listed, parse_listed
from trackers.mailing_list.walk import Visit, Walk

SHOWN_FIRST = ("new", "updated", "known", "pages")


class Archive(Index, MessageSource, ExportSource, Protocol):
    """What the collector needs of the archive: index, messages and exports."""


def collect(
    session: Session, archive: Archive, options: MailingListOptions, import_folder: Folder | None = None
) -> Collected:
    """Collect every requested list; raise `UnitsFailed` at the end if some failed.

    :param import_folder: folder with files to import, one folder per list.
    """

    def work(unit: UnitSession) -> None:
        refused: UnexpectedPayload | None = None
        if import_folder is not None:
            try:
                import_files(unit, import_folder, options.list_names)
            except UnexpectedPayload as error:
                refused = error
        ListCollector(unit, archive, options).run()
        if refused is not None:
            raise refused

    return collect_units(session, options.list_names, work, noun="lists", shown_first=SHOWN_FIRST)


def mode_of(options: MailingListOptions) -> Mode:
    """Return how far a run with these options walks."""
    if options.windowed:
        return Mode.WINDOW
    if options.full_refresh:
        return Mode.FULL_REFRESH
    return Mode.FULL_SCAN if options.full_scan else Mode.INCREMENTAL


@dataclass(frozen=True)
class PageContents:
    """What has to be done for one page of the index.

    :param listed: its items by hash, parsed and as received.
    :param known: how many of them are stored and unchanged.
    :param wanted: hashes of messages to fetch.
    :param changes: items that differ from the stored messages.
    """

    listed: Mapping[str, tuple[Listed, Mapping[str, Any]]]
    known: int
    wanted: list[str]
    changes: list[tuple[Listed, RawItem]]


class ListCollector:
    """Walks one list's index and stores what is new or changed, page by page."""

    def __init__(self, session: UnitSession, archive: Archive, options: MailingListOptions) -> None:
        self.session, self.archive, self.options = session, archive, options
        self.list_name = list_name = session.name
        mode = mode_of(options)
        self.position = ListPosition(session, moves=mode is not Mode.WINDOW)
        self.had_frontier = bool(self.position.state.frontier)
        self.report = BatchReport(session)
        few_expected = mode is Mode.INCREMENTAL and self.had_frontier
        exports = exports_for(archive, list_name, allowed=options.by_export, few_expected=few_expected)
        self.fetcher = MessageFetcher(archive, list_name, session.clock, exports)
        self.page_before: set[str] = set()
        slack = timedelta(days=options.date_slack_days)
        self.walk = Walk(
            archive,
            list_name,
            mode,
            self.position.state,
            refresh=options.full_refresh,
            old_before=options.since - slack if options.since else None,
        )

    def run(self) -> None:
        """Collect the list, and stop waiting for exports at the end."""
        try:
            self._collect()
        finally:
            self.fetcher.close()

    def _collect(self) -> None:
        top = self.archive.index_page(self.list_name, 0)
        self.session.progress.expect(top.count)
        self.session.log.info(f"{top.count:,} messages in the archive; {self.walk.describe()}")
        self._fetch_pending()
        seen = store.SeenMessages(self.session.conn) if self.walk.mode.complete else None
        for visit in self.walk.visits(top):
            if seen is not None:
                seen.add(hashes_of(visit.page))
            self._collect_page(visit)
            if self.options.limit is not None and self.report.requested >= self.options.limit:
                self.session.log.info(f"stopped at the limit of {self.options.limit}")
                break
        if seen is not None:
            mark_removed(self.session, self.archive, seen)
        if self.position.moves:
            with self.session.conn.transaction():
                everything = self.walk.mode.complete or not self.had_frontier
                self.position.finish(tuple(hashes_of(top)), everything=everything)

    def _fetch_pending(self) -> None:
        """Fetch the messages that earlier runs could not read."""
        if not self.position.moves:
            return
        for batch in self.fetcher.batches(sorted(self.position.pending)):
            self.position.resolve(batch.resolved)
            with self.session.conn.transaction():
                self._store(batch)
                self.position.advance(self.position.state.unfinished, batch.failed)
            self._stored(batch)

    def _collect_page(self, visit: Visit) -> None:
        """Store a page, large ones in several transactions, and move the checkpoint in the last one."""
        progress, conn = self.session.progress, self.session.conn
        page = self._contents(visit.page, refresh=visit.refresh)
        progress.count("pages")
        progress.count("known", page.known)
        exported = self.fetcher.exports.used
        batches = self.fetcher.batches(page.wanted, page.listed)
        batch = next(batches, MessageBatch())
        for following in batches:
            with conn.transaction():
                self._store(batch)
            self._stored(batch)
            batch = following
        with conn.transaction():
            self._store(batch)
            updated = store.save_relisted(conn, self.list_name, page.changes, self.session.clock.now())
            if page.wanted or page.changes:
                self.position.advance(visit.unfinished, batch.failed)
        progress.count("updated", updated)
        progress.count("from_export", self.fetcher.exports.used - exported)
        self._stored(batch)
        progress.advance(len(page.listed))

    def _contents(self, page: Page, *, refresh: bool) -> PageContents:
        """Compare a page with the stored messages."""
        listed = self._listed(page)
        stored = store.find_known(self.session.conn, self.list_name, listed)
        changes = [
            (item, _payload_of_item(self.list_name, raw, item, self.session.clock))
            for message_hash, (item, raw) in listed.items()
            if message_hash in stored and stored[message_hash].differs(item)
        ]
        # Neighbouring pages overlap, so a page begins with the last items of the one before.
        pending = self.position.pending.keys() if self.position.moves else set()
        fetched = self.page_before | pending
        wanted = [
            message_hash
            for message_hash, (item, _) in listed.items()
            if message_hash not in fetched
            and (refresh or message_hash not in stored or self._is_suspect(stored[message_hash]))
            and self._is_wanted(item)
        ]
        if self.options.limit is not None:
            wanted = wanted[: self.options.limit - self.report.requested]
        known = len(stored.keys() - set(wanted) - self.page_before)
        self.page_before = set(listed)
        return PageContents(listed, known, wanted, changes)

    def _listed(self, page: Page) -> dict[str, tuple[Listed, Mapping[str, Any]]]:
        listed: dict[str, tuple[Listed, Mapping[str, Any]]] = {}
        for raw in page.items:
            item = parse_listed(raw)
            if item is None:
                self.session.progress.count("skipped_without_link")
            else:
                listed[item.message_hash] = (item, raw)
        return listed

    def _is_suspect(self, known: store.KnownMessage) -> bool:
        """Return whether a full scan has to fetch a body again that an export may have changed."""
        return known.suspect and self.walk.mode is Mode.FULL_SCAN and not self.position.state.bodies_checked

    def _is_wanted(self, item: Listed) -> bool:
        wanted = self.options.in_window(item.sent_at)
        if not wanted and item.sent_at is None:
            self.session.progress.count("undated")
        return wanted

    def _store(self, batch: MessageBatch) -> None:
        """Store a batch, in the caller's transaction."""
        conn, now = self.session.conn, self.session.clock.now()
        self.session.progress.count_merge(store.save_messages(conn, batch.messages, batch.payloads, now))
        store.save_without_hash(conn, batch.without_hash)

    def _stored(self, batch: MessageBatch) -> None:
        """Report a batch after its transaction, and remember what failed."""
        self.position.add_pending(batch.failed)
        self.report.add(batch)


def mark_removed(session: UnitSession, archive: MessageSource, seen: store.SeenMessages) -> None:
    """Mark messages that a complete walk did not find, if their details are gone, too."""
    for missing in seen.missing(session.name):
        gone = []
        for message_hash, answer in archive.messages(session.name, missing):
            if isinstance(answer, NotFound):
                gone.append(message_hash)
            elif isinstance(answer, CollectorError):
                raise answer
            else:
                session.progress.count("unlisted")
        with session.conn.transaction():
            removed = store.mark_removed(session.conn, session.name, gone, session.clock.now())
        session.progress.count("removed", removed)


def _payload_of_item(list_name: str, raw: Mapping[str, Any], item: Listed, clock: Clock) -> RawItem:
    """Return the index item as a raw payload, whose changes are detected by the fields that can change."""
    stable = f"{item.thread_hash}\n{item.parent_hash}\n{item.subject}".encode()
    body = json.dumps(raw, sort_keys=True).encode()
    return RawItem(store.raw_key(list_name, item.message_hash), body, clock.now(), stable=stable)
