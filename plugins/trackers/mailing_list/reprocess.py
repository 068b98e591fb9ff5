"""Rebuilds rows from the stored raw payloads, without any request."""

from __future__ import annotations

import json
from collections.abc import Iterator

import structlog

from core import raw
from core.clock import Clock
from core.database import Conn
from core.progress import Progress
from core.protocols import Collected
from trackers.mailing_list import store
from trackers.mailing_list.handed_in import message_of
from trackers.mailing_list.options import MailingListOptions
from trackers.mailing_list.parse import Listed, Message, parse_listed, parse_message

log = structlog.get_logger("collector")


def reprocess(conn: Conn, options: MailingListOptions, progress: Progress, clock: Clock) -> Collected:
    """Derive the rows of the lists asked for again. Checkpoints and removals stay as they are."""
    left = options.limit
    for list_name in options.list_names:
        progress.begin_unit(list_name)
        for items, newer in _slices(conn, list_name, store.EMAIL):
            if left == 0:
                break
            derived = _derive(list_name, items, newer)
            messages = [message for message in derived if _in_window(message, options)][:left]
            with conn.transaction():
                merged = store.save_messages(conn, messages, [], clock.now())
            progress.count("new", merged.inserted)
            progress.count("updated", merged.updated)
            progress.count("unchanged", merged.unchanged)
            progress.advance(len(messages))
            if left is not None:
                left -= len(messages)
        _rebuild_handed_in(conn, list_name, options, progress, clock)
        counts = progress.unit_counts()
        told = ", ".join(f"{counts.get(name, 0):,} {name}" for name in ("new", "updated", "unchanged"))
        log.info(f"{list_name}: rebuilt from raw payloads: {told}")
    return Collected(counts=dict(progress.counts))


def _rebuild_handed_in(
    conn: Conn, list_name: str, options: MailingListOptions, progress: Progress, clock: Clock
) -> None:
    """Derive messages that came from files, unless the archive told more of them since."""
    for items, newer in _slices(conn, list_name, store.HANDED_IN):
        overtaken = raw.stored(conn, store.SOURCE, store.EMAIL, [item.key for item in items])
        found = []
        for item in items:
            message = message_of(json.loads(item.body), list_name)
            listed = newer.get(item.key)
            message = message.relisted(listed) if listed else message
            if item.key not in overtaken and _in_window(message, options):
                found.append((message, item))
        with conn.transaction():
            added = store.save_handed_in(conn, found, clock.now())
        progress.count("new", added)
        progress.advance(len(found))


def _slices(
    conn: Conn, list_name: str, kind: str
) -> Iterator[tuple[list[raw.RawItem], dict[str, Listed | None]]]:
    """Yield payloads of a list in slices, each with what the index showed of them later, by key.

    Both are read once, side by side: Python sorts texts as the collation "C" does.
    """
    prefix = f"{list_name}/"
    index_items = raw.iterate(conn, store.SOURCE, store.INDEX_ITEM, prefix=prefix)
    ahead = next(index_items, None)
    for items in raw.slices(conn, store.SOURCE, kind, prefix=prefix):
        keys = {item.key for item in items}
        newer = {}
        while ahead is not None and ahead.key <= items[-1].key:
            if ahead.key in keys:
                newer[ahead.key] = parse_listed(json.loads(ahead.body))
            ahead = next(index_items, None)
        yield items, newer


def _derive(list_name: str, items: list[raw.RawItem], newer: dict[str, Listed | None]) -> Iterator[Message]:
    for item in items:
        message = parse_message(json.loads(item.body), list_name)
        if message is not None:
            listed = newer.get(item.key)
            yield message.relisted(listed) if listed else message


def _in_window(message: Message, options: MailingListOptions) -> bool:
    if options.since is None and options.until is None:
        return True
    if message.sent_at is None:
        return False
    after = options.since is None or message.sent_at >= options.since
    return after and (options.until is None or message.sent_at <= options.until)
