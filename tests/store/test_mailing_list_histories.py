"""After any history of posts, moderation, outages and kills, the rows are those of a first load."""

from __future__ import annotations

from typing import Any

import pytest

from core.clock import FixedClock
from core.database import Conn
from core.session import Session
from hooks.pinecone_hook import PineconeHook
from sandbox.world import World
from tests.databases import clean
from tests.histories import let_requests_end, run_disturbed, when_free
from tests.mail import BOOST, USERS, rows
from tests.mail_history import MailHistory
from tests.pinecone import stored_fields
from tests.share import some
from trackers.mailing_list.documents import documents
from trackers.mailing_list.options import MailingListOptions
from trackers.mailing_list.reprocess import reprocess
from trackers.pinecone.api import SyncLimits, SyncOptions, Target, sync_to_pinecone
from trackers.pinecone.preprocessor import bound

STEPS = 10
LIMITS = SyncLimits(batch_size=8, window=10, in_flight=2)
LIVE = """
    SELECT to_jsonb(m) - 'id' - 'created_at' - 'updated_at' - 'mailing_list_profile_id'
      FROM mailing_list.message AS m
     WHERE deleted_at IS NULL
     ORDER BY list_name, message_hash"""


def rows_are_those_of_a_first_load(history: MailHistory) -> None:
    conn = history.conn
    for _ in range(STEPS):
        history.day()
    log = "\n".join(history.log)
    history.run(conn)
    archived = {(found.name, e.message_hash) for found in history.lists for e in found.entries}
    assert set(rows(conn, "list_name, message_hash")) >= archived, log
    history.run(conn, full_scan=True)
    stored = conn.execute(LIVE).fetchall()
    again = history.run(conn, full_scan=True)
    assert not {"new", "updated", "removed"} & again.keys(), f"{again}\n{log}"
    both = MailingListOptions(list_names=(USERS, BOOST))
    rebuilt = reprocess(Session(conn, clock=history.clock), both).counts
    assert not {"new", "updated"} & rebuilt.keys(), f"{rebuilt}\n{log}"
    clean(conn)
    history.run(conn)
    assert stored == conn.execute(LIVE).fetchall(), log


def the_index_matches_the_rows(history: MailHistory) -> None:
    """Incremental syncs end with the same index as a sync of everything into a new namespace."""

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
        description = run_disturbed(
            lambda conn: when_free(lambda: sync(conn, "live")), history.url, history.world, history.random, 60
        )
        history.log.append(f"sync, {description}")
    history.run(history.conn, full_scan=True)
    for namespace in ("live", "live", "anew"):
        history.clock.sleep(86_400)
        when_free(lambda namespace=namespace: sync(history.conn, namespace))  # type: ignore[misc]
    assert stored_fields(history.world, "live") == stored_fields(history.world, "anew"), "\n".join(
        history.log
    )


@pytest.fixture
def history_of(
    conn: Conn, database: str, world: World, clock: FixedClock, hyperkitty: object, pinecone: str
) -> Any:
    return lambda seed: MailHistory(seed, conn, database, world, clock)


PROOFS = (rows_are_those_of_a_first_load, the_index_matches_the_rows)


@pytest.mark.parametrize("seed", some(range(3)))
@pytest.mark.parametrize("proof", PROOFS)
def test_some_histories(proof: Any, seed: int, history_of: Any) -> None:
    proof(history_of(seed))


@pytest.mark.prove
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(3, 53))
@pytest.mark.parametrize("proof", PROOFS)
def test_many_histories(proof: Any, seed: int, history_of: Any) -> None:
    proof(history_of(seed))
