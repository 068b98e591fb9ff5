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
from trackers.mailing_list.parse import Message, parse_listed, parse_message

log = structlog.get_logger("collector")


def reprocess(session: Session, options: MailingListOptions) -> Collected:
    """Derive the rows of the lists asked for again. Checkpoints and removals stay as they are."""
    conn, progress = session.conn, session.progress
    left = options.limit
    for list_name in options.list_names:
        progress.begin_unit(list_name)
        for items in raw.batches(conn, store.SOURCE, store.EMAIL, prefix=f"{list_name}/"):
            messages = [m for m in _derive(session, list_name, items) if options.in_window(m.sent_at)][:left]
            with conn.transaction():
                progress.count_merge(store.save_messages(conn, messages, [], session.clock.now()))
            progress.advance(len(messages))
            if left is not None:
                left -= len(messages)
        _rebuild_imported(session, list_name, options)
        log.info(f"{list_name}: rebuilt from raw payloads: {progress.summary(progress.unit_counts())}")
    return Collected(counts=dict(progress.counts))


def _derive(session: Session, list_name: str, items: list[raw.RawItem]) -> Iterator[Message]:
    newer = _newer_index_items(session, items)
    for item in items:
        message = parse_message(json.loads(item.body), list_name)
        if message is not None:
            listed = parse_listed(json.loads(newer[item.key].body)) if item.key in newer else None
            yield message.relisted(listed) if listed else message


def _rebuild_imported(session: Session, list_name: str, options: MailingListOptions) -> None:
    """Derive messages that came from files, unless the archive gave more of them since."""
    conn = session.conn
    for items in raw.batches(conn, store.SOURCE, store.IMPORTED, prefix=f"{list_name}/"):
        fetched = {item.key for item in raw.read(conn, store.SOURCE, store.EMAIL, [i.key for i in items])}
        newer = _newer_index_items(session, items)
        found = []
        for item in items:
            message = message_of(json.loads(item.body), list_name)
            listed = parse_listed(json.loads(newer[item.key].body)) if item.key in newer else None
            message = message.relisted(listed) if listed else message
            if item.key not in fetched and options.in_window(message.sent_at):
                found.append((message, item))
        with conn.transaction():
            added = store.save_imported(conn, found, session.clock.now())
        session.progress.count("new", added)
        session.progress.advance(len(found))


def _newer_index_items(session: Session, items: list[raw.RawItem]) -> dict[str, raw.RawItem]:
    """Return what the index said of these messages after their details were fetched."""
    keys = [item.key for item in items]
    return {i.key: i for i in raw.read(session.conn, store.SOURCE, store.INDEX_ITEM, keys)}
