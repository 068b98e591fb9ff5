"""Any history of mail, moderation, outages and kills ends with the rows that a first load would store."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from core.clock import FixedClock
from core.database import Conn
from core.locks import collector_lock
from core.progress import Progress
from hooks.mailing_list_hook import MailingListHook
from sandbox.faults import Fault
from sandbox.world import World
from tests.databases import clean
from tests.histories import disturbed, when_free
from tests.mail import BOOST, add_list, entry, rows
from trackers.mailing_list.collect import collect
from trackers.mailing_list.options import MailingListOptions
from trackers.mailing_list.reprocess import reprocess

STEPS, FIRST_MESSAGES = 10, 25
COMMAND = "a collector"
LIVE = """
    SELECT to_jsonb(m) - 'id' - 'created_at' - 'updated_at' - 'mailing_list_profile_id'
      FROM mailing_list.message AS m
     WHERE deleted_at IS NULL
     ORDER BY message_hash"""


class History:
    """An archive that changes, and collections of it that are disturbed."""

    def __init__(self, seed: int, conn: Conn, url: str, world: World, clock: FixedClock) -> None:
        self.random = Random(f"history/{seed}")
        self.conn, self.url, self.world, self.clock = conn, url, world, clock
        self.list = add_list(world, FIRST_MESSAGES)
        self.arrived = FIRST_MESSAGES
        self.told: list[str] = []

    def day(self) -> None:
        self.change()
        self.disturb()
        self.run()

    # -- what happens to the archive -------------------------------------------------------------------

    def change(self) -> None:
        for _ in range(self.random.choice((0, 1, 2, 12, 25))):
            number, self.arrived = self.arrived, self.arrived + 1
            parent = self.random.choice(self.list.entries) if self.random.random() < 0.5 else None
            changes: dict[str, Any] = {"text": f"Body {number}\n>From the past\n"} if number % 9 == 0 else {}
            if parent is not None:
                changes |= {"parent_hash": parent.message_hash, "thread_hash": parent.thread_hash}
            self.list.add(entry(number, **changes))
        for _ in range(self.random.choice((0, 0, 1, 3))):
            self.list.remove(self.random.choice(self.list.entries).message_hash)
        if self.random.random() < 0.3:
            root = self.random.choice([e for e in self.list.entries if e.parent_hash is None])
            others = [e for e in self.list.entries if e.thread_hash != root.thread_hash]
            if others:
                self.list.attach(root.message_hash, self.random.choice(others).message_hash)
        if self.random.random() < 0.3:
            self.random.choice(self.list.entries).subject = f"Renamed {self.arrived}"

    # -- what happens to a run -------------------------------------------------------------------------

    def disturb(self) -> None:
        if self.random.random() < 0.6:
            kind = self.random.choice(("status", "status", "truncate", "body"))
            self.world.faults.append(
                Fault(
                    path=self.random.choice(("/emails/", "/email/", "/export/", "hyperkitty")),
                    kind=kind,
                    status=self.random.choice((429, 500, 503)),
                    times=self.random.choice((1, 2, 8, 40)),
                    after=self.random.randint(0, 12),
                )
            )

    def run(self) -> None:
        options: dict[str, Any] = {"by_export": self.random.random() < 0.5}
        lately = {"since": entry(max(0, self.arrived - 20)).date}
        modes = ({}, {}, {}, {"full_scan": True}, {"full_refresh": True}, {"limit": 7}, lately)
        options |= self.random.choice(modes)
        told = disturbed(lambda conn: self.go(conn, **options), self.url, self.world, self.random, 60)
        self.told.append(f"{options}, {told}")

    def go(self, conn: Any, **options: Any) -> dict[str, int]:
        self.clock.sleep(3600)
        return when_free(lambda: self._collect(conn, MailingListOptions(list_names=(BOOST,), **options)))

    def _collect(self, conn: Any, options: MailingListOptions) -> dict[str, int]:
        hook = MailingListHook(clock=self.clock, page_size=10)
        progress = Progress(clock=self.clock)
        try:
            with collector_lock(conn, COMMAND, BOOST):
                collect(hook, conn, options, progress, self.clock)
        finally:
            hook.close()
        return dict(progress.counts)


def play(seed: int, conn: Conn, url: str, world: World, clock: FixedClock) -> None:
    history = History(seed, conn, url, world, clock)
    for _ in range(STEPS):
        history.day()
    told = "\n".join(history.told)
    history.go(conn)
    assert set(rows(conn)) >= {e.message_hash for e in history.list.entries}, told
    history.go(conn, full_scan=True)
    held = conn.execute(LIVE).fetchall()
    again = history.go(conn, full_scan=True)
    assert not {"new", "updated", "removed"} & again.keys(), f"{again}\n{told}"
    progress = Progress(clock=clock)
    rebuilt = reprocess(conn, MailingListOptions(list_names=(BOOST,)), progress, clock).counts
    assert not {"new", "updated"} & rebuilt.keys(), f"{rebuilt}\n{told}"
    clean(conn)
    history.go(conn)
    assert held == conn.execute(LIVE).fetchall(), told


@pytest.mark.usefixtures("hyperkitty")
@pytest.mark.parametrize("seed", range(4))
def test_some_histories(seed: int, conn: Conn, database: str, world: World, clock: FixedClock) -> None:
    play(seed, conn, database, world, clock)


@pytest.mark.prove
@pytest.mark.timeout(1800)
@pytest.mark.usefixtures("hyperkitty")
@pytest.mark.parametrize("seed", range(4, 104))
def test_many_histories(seed: int, conn: Conn, database: str, world: World, clock: FixedClock) -> None:
    play(seed, conn, database, world, clock)
