"""Runs of the mailing list collector, with small pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from core.clock import FixedClock
from core.database import Conn
from core.errors import UnitsFailed
from core.progress import Progress
from hooks.mailing_list_hook import MailingListHook
from tests.mail import BOOST
from trackers.mailing_list.collect import collect
from trackers.mailing_list.options import MailingListOptions

Run = Callable[..., dict[str, int]]


@pytest.fixture
def run(conn: Conn, clock: FixedClock) -> Iterator[Run]:
    """Collect with small pages; return what was counted."""
    hooks: list[MailingListHook] = []

    def go(**options: Any) -> dict[str, int]:
        hook = MailingListHook(
            clock=clock, page_size=10, max_body_bytes=options.pop("max_body", 25 * 1024 * 1024)
        )
        hooks.append(hook)
        progress = Progress(clock=clock)
        options.setdefault("list_names", (BOOST,))
        clock.sleep(60)
        try:
            collect(hook, conn, MailingListOptions(**options), progress, clock)
        except UnitsFailed as error:
            error.counts = dict(progress.counts)  # type: ignore[attr-defined]
            raise
        return dict(progress.counts)

    yield go
    for hook in hooks:
        hook.close()
