"""The loop of every collector: one unit (list, channel, repository) after the other.

A failing unit is recorded and the next one follows; at the end the task fails and names those that failed.
A limit that is reached ends the loop, because it would meet every other unit, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import structlog

from core.errors import CollectorFailureCategory, UnitsFailed, classify_failure, safe_message
from core.progress import duration
from core.protocols import Collected
from core.session import Session

log = structlog.get_logger("collector")


def collect_units(
    session: Session,
    names: Iterable[str],
    work: Callable[[str], None],
    *,
    shown_first: tuple[str, ...] = ("new", "updated"),
) -> Collected:
    """Call `work` with each unit's name; raise `UnitsFailed` at the end if some failed.

    :param shown_first: counts that the lines about a unit and the run begin with, even if they are zero.
    """
    units = tuple(names)
    progress, clock = session.progress, session.clock
    progress.shown_first = shown_first
    failures: dict[str, BaseException] = {}
    tried = 0
    for name in units:
        tried += 1
        started = clock.monotonic()
        # The UI folds a unit's log lines; the line about its outcome follows outside, always visible.
        log.info(f"::group::{name}")
        try:
            work(name)
        except Exception as error:
            if session.conn.closed or session.conn.broken:
                raise
            failures[name] = error
            log.info("::endgroup::")
            category = classify_failure(error)
            log.error(
                f"{name}: {safe_message(error)}",
                collector=progress.collector,
                collector_phase="collect",
                failure_category=str(category),
                exc_info=error if category is CollectorFailureCategory.UNKNOWN else None,
            )
            if category is CollectorFailureCategory.RATE_LIMIT:
                break
        else:
            log.info("::endgroup::")
            seconds = duration(clock.monotonic() - started)
            log.info(f"{name}: {progress.summary(progress.unit_counts())}, {seconds}")
    if failures:
        categories = {name: classify_failure(error) for name, error in failures.items()}
        raise UnitsFailed(failures, categories, len(units), not_tried=len(units) - tried)
    return Collected(counts=dict(progress.counts))
