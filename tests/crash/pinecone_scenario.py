"""Syncs of made-up documents for the crash tests, with small batches."""

from __future__ import annotations

import os
from typing import Any

from core.clock import FixedClock
from hooks.pinecone_hook import PineconeHook
from sandbox.world import World
from tests.crash.scenario import Environment, Run, Scenario
from tests.histories import let_requests_end
from tests.pinecone import APP, NAMESPACE, TOO_LARGE, Source, connection, document, index, text
from trackers.pinecone.api import SyncLimits, SyncOptions, Target, sync_to_pinecone
from trackers.pinecone.result import TooManyFailed

BOTH = ("first", "second")
INDEXED = ("pinecone.ledger", 9)


SOURCE, CLOCK = Source(), FixedClock()
"""Documents and clock of the sync scenarios; time continues between runs, and both are reset with the world."""
LONG = "\n\n".join(text(number, 900) for number in range(3))


def _documents() -> World:
    SOURCE.__init__()  # type: ignore[misc]
    CLOCK.__init__()  # type: ignore[misc]
    SOURCE.put(CLOCK.now(), *(document(n, state="open") for n in range(7)), document(7, LONG))
    return World()


def _edits(world: World) -> None:
    now = CLOCK.now()
    SOURCE.put(now, document(1, text(50), state="open"), document(2, state="closed"), document(7, text(51)))
    SOURCE.put(now, document(20), document(21), document(22, **TOO_LARGE))
    SOURCE.drop(now, "d4")


def _sync(full_resync: bool = False) -> Run:
    def run(environment: Environment) -> None:
        os.environ["AIRFLOW_CONN_PINECONE_PUBLIC"] = connection(environment.address)
        CLOCK.sleep(3600)
        hook = PineconeHook(clock=CLOCK)
        try:
            limits = SyncLimits(batch_size=4, in_flight=2, window=3)
            sync_to_pinecone(
                environment.session(CLOCK),
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


SCENARIOS = (
    Scenario("documents, news", _documents, _edits, _sync(), _sync(), INDEXED, _stored, stages=BOTH),
    Scenario(
        "documents, resync",
        _documents,
        _edits,
        _sync(),
        _sync(full_resync=True),
        INDEXED,
        _stored,
        share_in_ci=0,
    ),
)
