"""Rebuilds rows from the stored raw payloads, without any request."""

from __future__ import annotations

import json
from collections.abc import Iterator

from core import raw
from core.protocols import Collected
from core.session import Session, UnitSession
from core.units import collect_units
from trackers.mailing_list import store
from trackers.mailing_list.import_records import message_of
from trackers.mailing_list.options import MailingListOptions
from trackers.mailing_list.parse import Listed, Message, parse_listed, parse_message

SHOWN_FIRST = ("new", "updated", "unchanged")


def reprocess(session: Session, options: MailingListOptions) -> Collected:
    """Derive the rows of the lists asked for again. Checkpoints and removals stay as they are."""

    def work(unit: UnitSession) -> None:
        _rebuild_fetched(unit, options)
        _rebuild_imported(unit, options)

    return collect_units(session, options.list_names, work, noun="lists", shown_first=SHOWN_FIRST)


def _rebuild_fetched(session: UnitSession, options: MailingListOptions) -> None:
    """Derive messages from what the archive gave."""
    conn, progress, left = session.conn, session.progress, options.limit
    for items, newer in _batches(session, store.EMAIL):
        if left == 0:
            break
        derived = _derive(session.name, items, newer)
        messages = [m for m in derived if options.in_window(m.sent_at)][:left]
        with conn.transaction():
            progress.count_merge(store.save_messages(conn, messages, [], session.clock.now()))
        progress.advance(len(messages))
        if left is not None:
            left -= len(messages)


def _derive(list_name: str, items: list[raw.RawItem], newer: dict[str, Listed | None]) -> Iterator[Message]:
    for item in items:
        message = parse_message(json.loads(item.body), list_name)
        if message is not None:
            listed = newer.get(item.key)
            yield message.relisted(listed) if listed else message


def _rebuild_imported(session: UnitSession, options: MailingListOptions) -> None:
    """Derive messages that came from files, unless the archive gave more of them since."""
    conn = session.conn
    for items, newer in _batches(session, store.IMPORTED):
        fetched = raw.stored(conn, store.SOURCE, store.EMAIL, [item.key for item in items])
        found = []
        for item in items:
            message = message_of(json.loads(item.body), session.name)
            listed = newer.get(item.key)
            message = message.relisted(listed) if listed else message
            if item.key not in fetched and options.in_window(message.sent_at):
                found.append((message, item))
        with conn.transaction():
            added = store.save_imported(conn, found, session.clock.now())
        session.progress.count("new", added)
        session.progress.advance(len(found))


def _batches(session: UnitSession, kind: str) -> Iterator[tuple[list[raw.RawItem], dict[str, Listed | None]]]:
    """Yield payloads of a list in batches, each with what the index showed of them later, by key.

    Both are read once, side by side: Python sorts texts as the collation "C" does.
    """
    prefix = f"{session.name}/"
    index_items = raw.iterate(session.conn, store.SOURCE, store.INDEX_ITEM, prefix=prefix)
    ahead = next(index_items, None)
    for items in raw.batches(session.conn, store.SOURCE, kind, prefix=prefix):
        keys = {item.key for item in items}
        newer = {}
        while ahead is not None and ahead.key <= items[-1].key:
            if ahead.key in keys:
                newer[ahead.key] = parse_listed(json.loads(ahead.body))
            ahead = next(index_items, None)
        yield items, newer
