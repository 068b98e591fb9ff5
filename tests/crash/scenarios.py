"""What is collected in the crash tests: one scenario per tracker, of at most 60 calls to the service."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from core.clock import FixedClock
from core.database import Conn
from core.progress import Progress
from hooks.mailing_list_hook import MailingListHook
from sandbox.faults import Fault
from sandbox.world import World
from tests.mail import BOOST, USERS, add_list, entry
from trackers.mailing_list.collect import collect
from trackers.mailing_list.options import MailingListOptions


@dataclass(frozen=True)
class Scenario:
    """A world, what happens in it between two runs, and the runs."""

    name: str
    make: Callable[[], World]
    change: Callable[[World], None]
    first: Callable[[Conn, str], None]
    second: Callable[[Conn, str], None]


def _lists() -> World:
    world = World()
    add_list(world, 14, BOOST)
    add_list(world, 4, USERS)
    return world


def _life_goes_on(world: World) -> None:
    boost = world.mail.lists[BOOST]
    for number in range(14, 20):
        boost.add(entry(number, sender_name="Writer 3 (work)" if number == 16 else f"Writer {number % 7}"))
    boost.add(entry(99, date=entry(0).date - timedelta(days=900), sender_name="", text="late"))
    boost.attach(entry(12).message_hash, entry(9).message_hash)
    world.faults.append(Fault(path=f"email/{entry(15).message_hash}", kind="body", body="<html>"))


def _moderators_too(world: World) -> None:
    """What happens deep in the list, only a complete walk must notice."""
    _life_goes_on(world)
    boost = world.mail.lists[BOOST]
    boost.remove(entry(4).message_hash)
    boost.attach(entry(6).message_hash, entry(2).message_hash)


def _collector(**options: bool) -> Callable[[Conn, str], None]:
    def run(conn: Conn, address: str) -> None:
        os.environ["AIRFLOW_CONN_HYPERKITTY_BOOST"] = (
            f'{{"conn_type": "hyperkitty", "host": "{address}/hyperkitty/archives"}}'
        )
        clock = FixedClock()
        hook = MailingListHook(clock=clock, in_flight=2, page_size=8)
        try:
            wanted = MailingListOptions(list_names=(BOOST, USERS), **options)
            collect(hook, conn, wanted, Progress(clock=clock), clock)
        finally:
            hook.close()

    return run


SCENARIOS = (
    Scenario("mailing lists, news", _lists, _life_goes_on, _collector(), _collector()),
    Scenario("mailing lists, full scan", _lists, _moderators_too, _collector(), _collector(full_scan=True)),
    Scenario("mailing lists, refresh", _lists, _moderators_too, _collector(), _collector(full_refresh=True)),
)
