"""A random history of two mailing lists: changes of the archive, and disturbed runs."""

from __future__ import annotations

from random import Random
from typing import Any

from core.clock import FixedClock
from core.database import Conn
from core.locks import collector_lock
from core.session import Session
from hooks.mailing_list_hook import MailingListHook
from sandbox.faults import Fault
from sandbox.hyperkitty.archive import MailList
from sandbox.world import World
from tests.histories import run_disturbed, when_free
from tests.mail import BOOST, USERS, add_list, entry
from trackers.mailing_list.collect import collect
from trackers.mailing_list.options import MailingListOptions

FIRST_MESSAGES = 25
COMMAND = "a collector"


class MailHistory:
    """Two lists with posts to both, and a collector that is limited, interrupted and killed."""

    def __init__(self, seed: int, conn: Conn, url: str, world: World, clock: FixedClock) -> None:
        self.random = Random(f"history/{seed}")
        self.conn, self.url, self.world, self.clock = conn, url, world, clock
        self.lists = (add_list(world, FIRST_MESSAGES), add_list(world, 0, USERS))
        self.arrived = FIRST_MESSAGES
        self.log: list[str] = []

    def day(self) -> None:
        self.change()
        self.disturb()
        self.collect()

    # -- the archive -------------------------------------------------------------------

    def change(self) -> None:
        for _ in range(self.random.choice((0, 1, 2, 12, 25))):
            self._arrive()
        for _ in range(self.random.choice((0, 0, 1, 3))):
            chosen = self.random.choice(self.lists)
            if chosen.entries:
                chosen.remove(self.random.choice(chosen.entries).message_hash)
        for found in self.lists:
            if found.entries and self.random.random() < 0.2:
                self._moderate(found)

    def _arrive(self) -> None:
        number, self.arrived = self.arrived, self.arrived + 1
        long = f"Words on library {number} and its review, quite enough of them to be found by somebody.\n"
        for found in self.random.choice((*((each,) for each in self.lists), self.lists)):
            changes: dict[str, Any] = {"text": long + (">From the past\n" if number % 9 == 0 else "")}
            if found.entries and self.random.random() < 0.5:
                parent = self.random.choice(found.entries)
                changes |= {"parent_hash": parent.message_hash, "thread_hash": parent.thread_hash}
            if self.random.random() < 0.1:
                changes |= {"sender_name": f"Renamed {number}"}
            found.add(entry(number, **changes))

    def _moderate(self, found: MailList) -> None:
        self.random.choice(found.entries).subject = f"Renamed {self.arrived}"
        moved = self.random.choice(found.entries)
        others = [e for e in found.entries if e.thread_hash != moved.thread_hash]
        if moved.parent_hash is None and others:
            found.attach(moved.message_hash, self.random.choice(others).message_hash)

    # -- the runs -------------------------------------------------------------------------

    def disturb(self) -> None:
        if self.random.random() < 0.6:
            self.world.faults.append(
                Fault(
                    path=self.random.choice(("/emails/", "/email/", "/export/", "hyperkitty")),
                    kind=self.random.choice(("status", "status", "truncate", "body")),
                    status=self.random.choice((429, 500, 503)),
                    times=self.random.choice((1, 2, 8, 40)),
                    after=self.random.randint(0, 12),
                )
            )

    def collect(self) -> None:
        lately = {"since": entry(max(0, self.arrived - 20)).date}
        modes = ({}, {}, {}, {"full_scan": True}, {"full_refresh": True}, {"limit": 7}, lately)
        options = {"by_export": self.random.random() < 0.5} | self.random.choice(modes)
        description = run_disturbed(
            lambda conn: self.run(conn, **options), self.url, self.world, self.random, 80
        )
        self.log.append(f"{options}, {description}")

    def run(self, conn: Any, **options: Any) -> dict[str, int]:
        self.clock.sleep(3600)
        requested = MailingListOptions(list_names=(USERS, BOOST), **options)
        return when_free(lambda: self._collect(conn, requested))

    def _collect(self, conn: Any, options: MailingListOptions) -> dict[str, int]:
        hook = MailingListHook(clock=self.clock, page_size=10)
        session = Session(conn, clock=self.clock)
        try:
            with collector_lock(conn, COMMAND):
                collect(session, hook, options)
        finally:
            hook.close()
        return dict(session.progress.counts)
