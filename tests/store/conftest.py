"""Runs of the mailing list collector with small pages, exports, and syncs of test documents."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.clock import FixedClock
from core.database import Conn
from core.errors import UnitsFailed
from core.session import Session
from hooks.mailing_list_hook import MailingListHook
from hooks.pinecone_hook import PineconeHook
from tests.exports import Exported
from tests.mail import BOOST
from tests.pinecone import APP, NAMESPACE, Source
from trackers.mailing_list.collect import collect
from trackers.mailing_list.options import MailingListOptions
from trackers.pinecone.api import SyncLimits, SyncOptions, SyncResult, Target, sync_to_pinecone

Run = Callable[..., dict[str, int]]
Sync = Callable[..., SyncResult]


@pytest.fixture
def run(conn: Conn, clock: FixedClock) -> Iterator[Run]:
    """Collect with small pages; return the counts."""
    hooks: list[MailingListHook] = []

    def go(**options: Any) -> dict[str, int]:
        hook = MailingListHook(
            clock=clock, page_size=10, max_body_bytes=options.pop("max_body", 25 * 1024 * 1024)
        )
        hooks.append(hook)
        session = Session(conn, clock=clock)
        options.setdefault("list_names", (BOOST,))
        options.setdefault("by_export", False)
        clock.sleep(60)
        try:
            collect(session, hook, MailingListOptions(**options))
        except UnitsFailed as error:
            error.counts = dict(session.progress.counts)  # type: ignore[attr-defined]
            raise
        return dict(session.progress.counts)

    yield go
    for hook in hooks:
        hook.close()


@pytest.fixture
def exported(conn: Conn, tmp_path: Path) -> Exported:
    return Exported(conn, tmp_path / "u")


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def sync(conn: Conn, clock: FixedClock, pinecone: str) -> Iterator[Sync]:
    hooks: list[PineconeHook] = []

    def go(preprocess: Any, limits: SyncLimits | None = None, **options: Any) -> SyncResult:
        writing = options.pop("conn", conn)
        hook = PineconeHook(clock=clock)
        hooks.append(hook)
        clock.sleep(3600)
        return sync_to_pinecone(
            Session(writing, clock=clock),
            hook,
            Target(APP, NAMESPACE),
            preprocess,
            SyncOptions(collect_ids=True, limits=limits, **options),
        )

    yield go
    for hook in hooks:
        hook.close()
