"""Any history of mail, moderation, outages and kills ends with the rows that a first load would store."""

from __future__ import annotations

from typing import Any

import pytest

from core.clock import FixedClock
from core.database import Conn
from core.session import Session
from hooks.pinecone_hook import PineconeHook
from sandbox.world import World
from tests.databases import clean
from tests.histories import disturbed, let_requests_end, when_free
from tests.mail import BOOST, USERS, rows
from tests.mail_history import MailHistory
from tests.pinecone import held
from trackers.mailing_list.documents import documents
from trackers.mailing_list.options import MailingListOptions
from trackers.mailing_list.reprocess import reprocess
from trackers.pinecone.api import EngineLimits, SyncOptions, Target, sync_to_pinecone
from trackers.pinecone.preprocessor import bound

STEPS = 10
LIMITS = EngineLimits(batch_size=8, window=10, in_flight=2)
LIVE = """
    SELECT to_jsonb(m) - 'id' - 'created_at' - 'updated_at' - 'mailing_list_profile_id'
      FROM mailing_list.message AS m
     WHERE deleted_at IS NULL
     ORDER BY list_name, message_hash"""


def rows_are_those_of_a_first_load(history: MailHistory) -> None:
    conn = history.conn
    for _ in range(STEPS):
        history.day()
    told = "\n".join(history.told)
    history.go(conn)
    there = {(found.name, e.message_hash) for found in history.lists for e in found.entries}
    assert set(rows(conn, "list_name, message_hash")) >= there, told
    history.go(conn, full_scan=True)
    stored = conn.execute(LIVE).fetchall()
    again = history.go(conn, full_scan=True)
    assert not {"new", "updated", "removed"} & again.keys(), f"{again}\n{told}"
    both = MailingListOptions(list_names=(USERS, BOOST))
    rebuilt = reprocess(Session(conn, clock=history.clock), both).counts
    assert not {"new", "updated"} & rebuilt.keys(), f"{rebuilt}\n{told}"
    clean(conn)
    history.go(conn)
    assert stored == conn.execute(LIVE).fetchall(), told


def the_index_holds_what_is_stored(history: MailHistory) -> None:
    """Syncs of what changed only, and at the end the same as everything synced anew."""

    def sync(conn: Any, namespace: str) -> None:
        hook = PineconeHook(clock=history.clock)
        try:
            session = Session(conn, clock=history.clock)
            options = SyncOptions(limits=LIMITS)
            sync_to_pinecone(session, hook, Target("mailing", namespace), bound(documents, conn), options)
        finally:
            let_requests_end()
            hook.close()

    for _ in range(STEPS):
        history.day()
        history.clock.sleep(3600)
        told = disturbed(
            lambda conn: when_free(lambda: sync(conn, "live")), history.url, history.world, history.random, 60
        )
        history.told.append(f"sync, {told}")
    history.go(history.conn, full_scan=True)
    for namespace in ("live", "live", "anew"):
        history.clock.sleep(86_400)
        when_free(lambda namespace=namespace: sync(history.conn, namespace))  # type: ignore[misc]
    assert held(history.world, "live") == held(history.world, "anew"), "\n".join(history.told)


@pytest.fixture
def history_of(
    conn: Conn, database: str, world: World, clock: FixedClock, hyperkitty: object, pinecone: str
) -> Any:
    return lambda seed: MailHistory(seed, conn, database, world, clock)


PROOFS = (rows_are_those_of_a_first_load, the_index_holds_what_is_stored)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("proof", PROOFS)
def test_some_histories(proof: Any, seed: int, history_of: Any) -> None:
    proof(history_of(seed))


@pytest.mark.prove
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(3, 53))
@pytest.mark.parametrize("proof", PROOFS)
def test_many_histories(proof: Any, seed: int, history_of: Any) -> None:
    proof(history_of(seed))
