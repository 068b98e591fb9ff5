"""Runs of the mailing list collector, with small pages; syncs of made-up documents."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from core.clock import FixedClock
from core.database import Conn
from core.errors import UnitsFailed
from core.progress import Progress
from hooks.mailing_list_hook import MailingListHook
from hooks.pinecone_hook import PineconeHook
from tests.mail import BOOST
from tests.pinecone import APP, NAMESPACE, Source
from trackers.mailing_list.collect import collect
from trackers.mailing_list.options import MailingListOptions
from trackers.pinecone.api import EngineLimits, SyncOptions, SyncResult, sync_to_pinecone

Run = Callable[..., dict[str, int]]
Sync = Callable[..., SyncResult]


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
        options.setdefault("by_export", False)
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


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def sync(conn: Conn, clock: FixedClock, pinecone: str) -> Iterator[Sync]:
    hooks: list[PineconeHook] = []

    def go(preprocess: Any, limits: EngineLimits | None = None, **options: Any) -> SyncResult:
        writing = options.pop("conn", conn)
        hook = PineconeHook(clock=clock)
        hooks.append(hook)
        clock.sleep(3600)
        settled = options.pop("on_settled", None)
        return sync_to_pinecone(
            writing,
            hook,
            app_type=APP,
            namespace=NAMESPACE,
            preprocess_fn=preprocess,
            options=SyncOptions(collect_ids=True, **options),
            limits=limits,
            clock=clock,
            on_settled=settled,
        )

    yield go
    for hook in hooks:
        hook.close()
