"""What a run would cost: one listing request per list, nothing stored."""

from __future__ import annotations

import math
from collections import Counter

import structlog

from core import checkpoints
from core.clock import Clock
from core.database import Conn
from core.progress import Progress, duration
from core.protocols import Collected
from trackers.mailing_list import store
from trackers.mailing_list.collect import STREAM, mode_of
from trackers.mailing_list.options import MailingListOptions
from trackers.mailing_list.walk import OVERLAP, PAGE_SIZE, Index, ListState, Mode, hashes_of

IN_FLIGHT = 4
log = structlog.get_logger("collector")


def plan(
    index: Index, conn: Conn, options: MailingListOptions, progress: Progress, clock: Clock
) -> Collected:
    """Tell, list by list, how many messages and requests a run with these options would take."""
    counts: Counter[str] = Counter()
    for list_name in options.list_names:
        progress.begin_unit(list_name)
        started = clock.monotonic()
        top = index.index_page(list_name, 0)
        latency = clock.monotonic() - started
        stored = store.count_stored(conn, list_name)
        state = ListState.from_extras(checkpoints.read(conn, store.SOURCE, list_name, STREAM).extras)
        new = _new(top.count, stored, hashes_of(top), state, conn, list_name)
        mode = mode_of(options)
        details = top.count if options.full_refresh else new
        if options.limit is not None:
            details = min(details, options.limit)
        pages = _pages(top.count if mode is not Mode.INCREMENTAL or not state.frontier else new + PAGE_SIZE)
        seconds = latency * (pages + details) / IN_FLIGHT
        found = {"in_archive": top.count, "stored": stored, "would_fetch": details}
        for name, value in (found | {"would_request": pages + details}).items():
            counts[name] += value
            counts[f"{list_name}/{name}"] = value
        log.info(
            f"{list_name}: {top.count:,} in the archive, {stored:,} stored; would fetch about {details:,} "
            f"messages with {pages + details:,} requests in {duration(seconds)}; no quota applies"
        )
    return Collected(counts=dict(counts))


def _pages(items: int) -> int:
    return max(1, math.ceil(items / (PAGE_SIZE - OVERLAP)))


def _new(count: int, stored: int, newest: list[str], state: ListState, conn: Conn, list_name: str) -> int:
    unknown = len(newest) - len(store.find_known(conn, list_name, newest))
    met = not set(state.frontier).isdisjoint(newest)
    return unknown if met else max(unknown, count - stored)
