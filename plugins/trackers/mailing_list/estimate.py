"""Estimates what a run would cost, with one request of the index per list; stores nothing."""

from __future__ import annotations

import math
from collections import Counter

import structlog

from core.progress import duration
from core.protocols import Collected
from core.session import Session
from trackers.mailing_list import store
from trackers.mailing_list.collect import mode_of
from trackers.mailing_list.index_pages import OVERLAP, Index, hashes_of
from trackers.mailing_list.list_state import Mode, read_state
from trackers.mailing_list.options import MailingListOptions

log = structlog.get_logger("collector")


def estimate(session: Session, index: Index, options: MailingListOptions) -> Collected:
    """Log for each list how many messages and requests a run with these options would need."""
    counts: Counter[str] = Counter()
    clock = session.clock
    for list_name in options.list_names:
        started = clock.monotonic()
        top = index.index_page(list_name, 0)
        latency = clock.monotonic() - started
        stored = store.count_stored(session.conn, list_name)
        frontier = read_state(session.conn, list_name).frontier
        new = _new(session, list_name, hashes_of(top), frontier, missing=top.count - stored)
        details = top.count if options.full_refresh else new
        if options.limit is not None:
            details = min(details, options.limit)
        everything = mode_of(options) is not Mode.INCREMENTAL or not frontier
        pages = _pages(top.count if everything else new + index.page_size, index.page_size)
        seconds = latency * (pages + details) / session.settings.requests_in_flight
        found = {"in_archive": top.count, "stored": stored, "would_fetch": details}
        for name, value in (found | {"would_request": pages + details}).items():
            counts[name] += value
            counts[f"{list_name}/{name}"] = value
        log.info(
            f"{list_name}: {top.count:,} in the archive, {stored:,} stored; would fetch about {details:,} "
            f"messages with {pages + details:,} requests in {duration(seconds)}; no quota applies"
        )
    return Collected(counts=dict(counts))


def _pages(items: int, page_size: int) -> int:
    return max(1, math.ceil(items / max(1, page_size - OVERLAP)))


def _new(
    session: Session, list_name: str, newest: list[str], frontier: tuple[str, ...], *, missing: int
) -> int:
    """Estimate how many messages are new, from the first page and the number missing in the whole list."""
    unknown = len(newest) - len(store.find_known(session.conn, list_name, newest))
    return unknown if not set(frontier).isdisjoint(newest) else max(unknown, missing)
