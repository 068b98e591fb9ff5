"""Rebuilds rows from the stored raw payloads, without any request."""

from __future__ import annotations

import json
from collections.abc import Iterator

import structlog

from core import raw
from core.protocols import Collected
from core.session import Session
from trackers.mailing_list import store
from trackers.mailing_list.import_records import message_of
from trackers.mailing_list.options import MailingListOptions
from trackers.mailing_list.parse import Listed, Message, parse_listed, parse_message

log = structlog.get_logger("collector")


def reprocess(session: Session, options: MailingListOptions) -> Collected:
    """Derive the rows of the lists asked for again. Checkpoints and removals stay as they are."""
    conn, progress = session.conn, session.progress
    progress.shown_first = ("new", "updated", "unchanged")
    left = options.limit
    for list_name in options.list_names:
        progress.begin_unit(list_name)
        for items, newer in _batches(session, list_name, store.EMAIL):
            if left == 0:
                break
            derived = _derive(list_name, items, newer)
            messages = [m for m in derived if options.in_window(m.sent_at)][:left]
            with conn.transaction():
                progress.count_merge(store.save_messages(conn, messages, [], session.clock.now()))
            progress.advance(len(messages))
            if left is not None:
                left -= len(messages)
        _rebuild_imported(session, list_name, options)
        log.info(f"{list_name}: rebuilt from raw payloads: {progress.summary(progress.unit_counts())}")
    return Collected(counts=dict(progress.counts))


def _derive(list_name: str, items: list[raw.RawItem], newer: dict[str, Listed | None]) -> Iterator[Message]:
    for item in items:
        message = parse_message(json.loads(item.body), list_name)
        if message is not None:
            listed = newer.get(item.key)
            yield message.relisted(listed) if listed else message


def _rebuild_imported(session: Session, list_name: str, options: MailingListOptions) -> None:
    """Derive messages that came from files, unless the archive gave more of them since."""
    conn = session.conn
    for items, newer in _batches(session, list_name, store.IMPORTED):
        fetched = raw.stored(conn, store.SOURCE, store.EMAIL, [item.key for item in items])
        found = []
        for item in items:
            message = message_of(json.loads(item.body), list_name)
            listed = newer.get(item.key)
            message = message.relisted(listed) if listed else message
            if item.key not in fetched and options.in_window(message.sent_at):
                found.append((message, item))
        with conn.transaction():
            added = store.save_imported(conn, found, session.clock.now())
        session.progress.count("new", added)
        session.progress.advance(len(found))


def _batches(
    session: Session, list_name: str, kind: str
) -> Iterator[tuple[list[raw.RawItem], dict[str, Listed | None]]]:
    """Yield payloads of a list in batches, each with what the index showed of them later, by key.

    Both are read once, side by side: Python sorts texts as the collation "C" does.
    """
    prefix = f"{list_name}/"
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
