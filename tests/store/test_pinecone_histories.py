"""After any history of edits, refusals, outages and kills, the index has exactly the current documents."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest

from core.clock import FixedClock
from core.database import Conn
from core.session import Session
from hooks.pinecone_hook import PineconeHook
from sandbox.faults import Fault
from sandbox.world import World
from tests.histories import let_requests_end, run_disturbed, when_free
from tests.pinecone import APP, INDEX, Source, document, stored_fields, text
from tests.share import some
from trackers.pinecone.api import SyncLimits, SyncOptions, Target, sync_to_pinecone

LIVE, FRESH = "live", "fresh"
STEPS, DOCUMENTS = 12, 30
LIMITS = SyncLimits(batch_size=4, window=8, in_flight=3)
DAY = 86_400.0
MANY_SYNCS = 12
"""Enough to outlast every pause before a refused document is tried again."""


class History:
    """A source that changes, and disturbed syncs of it."""

    def __init__(self, seed: int, conn: Conn, url: str, world: World, clock: FixedClock) -> None:
        self.random = Random(f"history/{seed}")
        self.conn, self.url, self.world, self.clock = conn, url, world, clock
        self.source = Source()
        self.log: list[str] = []
        self.losses: dict[int, int] = {}
        """How often a chunk of a document was lost. Part of its metadata, so that a sync looks for it."""

    def day(self) -> None:
        self.change()
        self.disturb()
        self.sync()

    # -- the source --------------------------------------------------------------------

    def change(self) -> None:
        for number in self.random.sample(range(DOCUMENTS), self.random.randint(0, 8)):
            name = f"d{number}"
            what = self.random.choice(("write", "write", "shrink", "retitle", "drop"))
            if what == "drop":
                if name in self.source.documents:
                    self.source.drop(self.clock.now(), name)
                continue
            sizes = {"write": (300, 2500, 5000), "shrink": (20, 120)}
            before = self.source.documents.get(name)
            if what == "retitle" and before:
                content = before["content"]
            else:
                size = self.random.choice(sizes.get(what, (300,)))
                content = text(number + DOCUMENTS * self.random.randint(0, 3), size)
            metadata: dict[str, Any] = {"label": self.random.choice((None, "a", "b", ["c", "d"]))}
            metadata["losses"] = self.losses.get(number)
            if self.random.random() < 0.5:
                metadata["extra"] = self.random.randint(0, 3)
            self.source.put(self.clock.now(), document(number, content, **metadata))

    # -- the syncs ------------------------------------------------------------------------

    def lose(self) -> None:
        """Lose a chunk in one of the indexes, and change the metadata of its document."""
        kept = self.world.pinecone.projects["public"].indexes.get(
            self.random.choice((INDEX, f"{INDEX}-sparse"))
        )
        stored = kept.stored.get(LIVE, {}) if kept else {}
        if kept is None or not stored:
            return
        record_id = self.random.choice(sorted(stored))
        number = int(stored[record_id].fields["number"])
        kept.remove(LIVE, record_id)
        self.losses[number] = self.losses.get(number, 0) + 1
        if before := self.source.documents.get(f"d{number}"):
            metadata = {**before["metadata"], "losses": self.losses[number]}
            self.source.put(self.clock.now(), {**before, "metadata": metadata})

    def disturb(self) -> None:
        if self.random.random() < 0.3:
            self.lose()
        if self.random.random() < 0.1:
            indexes = self.world.pinecone.projects["public"].indexes
            for name in self.random.choice(((INDEX,), (f"{INDEX}-sparse",), (INDEX, f"{INDEX}-sparse"))):
                indexes.pop(name, None)
        if self.random.random() < 0.5:
            path = self.random.choice(("upsert", "fetch", "delete", "boost-sparse", "/records/", "/vectors/"))
            self.world.faults.append(
                Fault(
                    path=path,
                    status=self.random.choice((400, 429, 500, 503)),
                    times=self.random.choice((1, 3, 20)),
                    after=self.random.randint(0, 6),
                )
            )

    def sync(self) -> None:
        options = SyncOptions(
            full_resync=self.random.random() < 0.2,
            dry_run=self.random.random() < 0.1,
            max_documents=self.random.choice((None, None, None, 5)),
        )
        description = run_disturbed(
            lambda conn: self.run(conn, LIVE, options), self.url, self.world, self.random, 40
        )
        self.log.append(f"{options}, {description}")

    def run(self, conn: Any, namespace: str, options: SyncOptions) -> None:
        self.clock.sleep(3600)
        when_free(lambda: self._sync(conn, namespace, options))

    def _sync(self, conn: Any, namespace: str, options: SyncOptions) -> None:
        hook = PineconeHook(clock=self.clock)
        try:
            session = Session(conn, clock=self.clock)
            limited = replace(options, limits=LIMITS)
            sync_to_pinecone(session, hook, Target(APP, namespace), self.source, limited)
        finally:
            let_requests_end()
            hook.close()

    # -- the end ---------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Sync undisturbed until everything that failed was tried again.

        The new document makes the sync write, and so notice an index that was lost.
        """
        self.source.put(self.clock.now(), document(DOCUMENTS))
        for _ in range(MANY_SYNCS):
            self.clock.sleep(DAY)
            self.run(self.conn, LIVE, SyncOptions())


def play(seed: int, conn: Conn, url: str, world: World, clock: FixedClock) -> None:
    history = History(seed, conn, url, world, clock)
    for _ in range(STEPS):
        history.day()
    history.settle()
    history.run(conn, FRESH, SyncOptions())
    log = "\n".join(history.log)
    assert stored_fields(world, LIVE) == stored_fields(world, FRESH), log
    unsettled = conn.execute("SELECT count(*) FROM pinecone.failed_item").fetchone()
    assert unsettled == (0,), log
    ledger = conn.execute(
        "SELECT record_id FROM pinecone.ledger WHERE namespace = %s AND synced_at IS NOT NULL", (LIVE,)
    )
    assert {row[0] for row in ledger} == set(stored_fields(world, LIVE)["dense"]), log


@pytest.mark.parametrize("seed", some(range(6)))
def test_some_histories(
    seed: int, conn: Conn, database: str, world: World, clock: FixedClock, pinecone: str
) -> None:
    play(seed, conn, database, world, clock)


@pytest.mark.prove
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(6, 106))
def test_many_histories(
    seed: int, conn: Conn, database: str, world: World, clock: FixedClock, pinecone: str
) -> None:
    play(seed, conn, database, world, clock)
