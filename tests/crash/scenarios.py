"""The scenarios of the crash tests: at least one per tracker, each of at most 60 calls to the service."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

from core.clock import FixedClock
from core.database import Conn
from core.session import Session
from hooks.mailing_list_hook import MailingListHook
from hooks.pinecone_hook import PineconeHook
from sandbox.faults import Fault
from sandbox.world import World
from tests.crash.scenario import Scenario, Snapshot
from tests.histories import let_requests_end
from tests.mail import BOOST, USERS, add_list, entry
from tests.pinecone import APP, NAMESPACE, Source, connection, document, index, text
from trackers.mailing_list.collect import collect
from trackers.mailing_list.options import MailingListOptions
from trackers.pinecone.api import EngineLimits, SyncOptions, Target, sync_to_pinecone
from trackers.pinecone.result import TooManyFailed


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


def _collector(by_export: bool = False, **options: bool) -> Callable[[Conn, str], None]:
    """Return a run. Without exports, the stored bytes of a message do not depend on where a run was killed."""

    def run(conn: Conn, address: str) -> None:
        os.environ["AIRFLOW_CONN_HYPERKITTY_BOOST"] = (
            f'{{"conn_type": "hyperkitty", "host": "{address}/hyperkitty/archives"}}'
        )
        clock = FixedClock()
        hook = MailingListHook(clock=clock, in_flight=2, page_size=8)
        try:
            requested = MailingListOptions(list_names=(BOOST, USERS), by_export=by_export, **options)
            collect(Session(conn, clock=clock), hook, requested)
        finally:
            hook.close()

    return run


SOURCE, CLOCK = Source(), FixedClock()
"""Documents and clock of the sync scenarios; time continues between runs, and both are reset with the world."""
LONG = "\n\n".join(text(number, 900) for number in range(3))
REFUSED = [f"tag {number}" * 9 for number in range(2500)]


def _documents() -> World:
    SOURCE.__init__()  # type: ignore[misc]
    CLOCK.__init__()  # type: ignore[misc]
    SOURCE.put(CLOCK.now(), *(document(n, state="open") for n in range(7)), document(7, LONG))
    return World()


def _edits(world: World) -> None:
    now = CLOCK.now()
    SOURCE.put(now, document(1, text(50), state="open"), document(2, state="closed"), document(7, text(51)))
    SOURCE.put(now, document(20), document(21), document(22, tags=REFUSED))
    SOURCE.drop(now, "d4")


def _sync(full_resync: bool = False) -> Callable[[Conn, str], None]:
    def run(conn: Conn, address: str) -> None:
        os.environ["AIRFLOW_CONN_PINECONE_PUBLIC"] = connection(address)
        CLOCK.sleep(3600)
        hook = PineconeHook(clock=CLOCK)
        try:
            limits = EngineLimits(batch_size=4, in_flight=2, window=3)
            sync_to_pinecone(
                Session(conn, clock=CLOCK),
                hook,
                Target(APP, NAMESPACE),
                SOURCE,
                SyncOptions(full_resync=full_resync, limits=limits),
            )
        except TooManyFailed:
            pass  # one record is refused, a fifth of the remaining ones
        finally:
            let_requests_end()
            hook.close()

    return run


def _stored(world: World) -> dict[str, list[Any]]:
    return {
        kind: sorted(
            (i, record.text, sorted(record.fields.items(), key=str))
            for i, record in index(world, kind).stored.get(NAMESPACE, {}).items()
        )
        for kind in ("dense", "sparse")
    }


INDEXED = ("pinecone.ledger", 9)


def _without_raw_bytes(found: Snapshot) -> Snapshot:
    """Ignore raw bytes: after a crash a message may come from its detail page instead of an export."""
    payloads = sorted((row["c0"], row["c1"], row["c2"]) for row in found["core.raw_payload"])
    return found | {"core.raw_payload": payloads}


BOTH = ("first", "second")
OWN = (
    Scenario("mailing lists, news", _lists, _new_messages, _collector(), _collector(), stages=BOTH),
    Scenario(
        "mailing lists, full scan",
        _lists,
        _new_and_moderated_messages,
        _collector(),
        _collector(full_scan=True),
    ),
    Scenario(
        "mailing lists, refresh",
        _lists,
        _new_and_moderated_messages,
        _collector(),
        _collector(full_refresh=True),
    ),
    Scenario(
        "mailing lists, exports",
        _lists,
        _new_messages,
        _collector(by_export=True),
        _collector(by_export=True),
        compared=_without_raw_bytes,
        stages=BOTH,
    ),
    Scenario("documents, news", _documents, _edits, _sync(), _sync(), INDEXED, _stored, stages=BOTH),
    Scenario(
        "documents, resync",
        _documents,
        _edits,
        _sync(),
        _sync(full_resync=True),
        INDEXED,
        _stored,
        runs_in_ci=False,
    ),
)
SCENARIOS: tuple[Scenario, ...] = (
    *OWN,
    *(
        scenario
        for file in sorted(Path(__file__).parent.glob("*_scenario.py"))
        for scenario in import_module(f"tests.crash.{file.stem}").SCENARIOS
    ),
)
"""The scenarios above and those in the `*_scenario.py` files of trackers."""
