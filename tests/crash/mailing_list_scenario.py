"""Runs of the mailing list collector for the crash tests, with small pages."""

from __future__ import annotations

import os
from datetime import timedelta

from core.clock import FixedClock
from hooks.mailing_list_hook import MailingListHook
from sandbox.faults import Fault
from sandbox.world import World
from tests.crash.scenario import Environment, Run, Scenario, Snapshot
from tests.mail import BOOST, USERS, add_list, entry
from trackers.mailing_list.collect import collect
from trackers.mailing_list.options import MailingListOptions

BOTH = ("first", "second")
STORED = ("mailing_list.message", 18)


def _lists() -> World:
    world = World()
    add_list(world, 14, BOOST)
    add_list(world, 4, USERS)
    return world


def _new_messages(world: World) -> None:
    boost = world.mail.lists[BOOST]
    for number in range(14, 20):
        boost.add(entry(number, sender_name="Writer 3 (work)" if number == 16 else f"Writer {number % 7}"))
    boost.add(entry(99, date=entry(0).date - timedelta(days=900), sender_name="", text="late"))
    boost.attach(entry(12).message_hash, entry(9).message_hash)
    world.faults.append(Fault(path=f"email/{entry(15).message_hash}", kind="body", body="<html>"))


def _new_and_moderated_messages(world: World) -> None:
    """Changes deep in the list, which only a full scan must notice."""
    _new_messages(world)
    boost = world.mail.lists[BOOST]
    boost.remove(entry(4).message_hash)
    boost.attach(entry(6).message_hash, entry(2).message_hash)


def _collector(by_export: bool = False, **options: bool) -> Run:
    """Return a run. Without exports, the stored bytes of a message do not depend on where a run was killed."""

    def run(environment: Environment) -> None:
        os.environ["AIRFLOW_CONN_HYPERKITTY_BOOST"] = (
            f'{{"conn_type": "hyperkitty", "host": "{environment.address}/hyperkitty/archives"}}'
        )
        clock = FixedClock()
        hook = MailingListHook(clock=clock, in_flight=2, page_size=8)
        hook.use(environment.connect_budget)
        try:
            requested = MailingListOptions(list_names=(BOOST, USERS), by_export=by_export, **options)
            collect(environment.session(clock), hook, requested)
        finally:
            hook.close()

    return run


def _without_raw_bytes(found: Snapshot) -> Snapshot:
    """Ignore raw bytes: after a crash a message may come from its detail page instead of an export."""
    payloads = sorted((row["source"], row["kind"], row["key"]) for row in found["core.raw_payload"])
    return found | {"core.raw_payload": payloads}


SCENARIOS = (
    Scenario("mailing lists, news", _lists, _new_messages, _collector(), _collector(), STORED, stages=BOTH),
    Scenario(
        "mailing lists, full scan",
        _lists,
        _new_and_moderated_messages,
        _collector(),
        _collector(full_scan=True),
        STORED,
    ),
    Scenario(
        "mailing lists, refresh",
        _lists,
        _new_and_moderated_messages,
        _collector(),
        _collector(full_refresh=True),
        STORED,
    ),
    Scenario(
        "mailing lists, exports",
        _lists,
        _new_messages,
        _collector(by_export=True),
        _collector(by_export=True),
        STORED,
        compared=_without_raw_bytes,
        stages=BOTH,
    ),
)
