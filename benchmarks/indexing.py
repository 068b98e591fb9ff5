"""The Pinecone sync: upload speed, the cost of a sync after few or no changes, and memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import requests

from benchmarks.memory import free_port, peak_kb
from benchmarks.report import Figure

FIRST, DELAY, IN_FLIGHT, BATCH = 10_000, 0.2, 8, 96
SMALL, LARGE = 10_000, 100_000
WORDS = "allocator executor coroutine template regex parser socket buffer thread mutex future lambda".split()


def figures(url: str) -> Iterator[Figure]:
    with _sandbox() as base:
        requests.post(f"{base}/_sandbox/faults", json={"path": "/upsert", "kind": "delay", "seconds": DELAY})
        found = _measure(url, base, "first", FIRST)
        batches = -(-FIRST // BATCH)
        ideal = -(-batches // IN_FLIGHT) * 2 * DELAY
        took = f"{found['seconds']:.1f} s for {FIRST:,} documents"
        note = f"{took}, ideal {ideal:.1f} s; {found['requests']:.0f} requests"
        yield Figure(
            f"first sync, share of the speed that {IN_FLIGHT} batches in flight allow",
            ideal / found["seconds"],
            0.8,
            "x",
            note=note,
        )
    with psycopg.connect(url, autocommit=True) as conn:
        # The next sandbox starts with empty indexes, so the ledger must be empty too.
        conn.execute("TRUNCATE pinecone.ledger, pinecone.failed_item, pinecone.sync_status")
    with _sandbox() as base:
        small = _fill_and_sync_again(url, base, SMALL)
        large = _fill_and_sync_again(url, base, LARGE)
        yield Figure(
            "incremental sync, nothing changed, 100,000 chunks", large["incremental"], 2, "s", at_least=False
        )
        note = f"{large['writes']:.0f} requests; first sync {large['rate']:,.0f} chunks/s"
        yield Figure(
            "full resync, nothing changed, 100,000 chunks",
            large["resync"],
            60,
            "s",
            at_least=False,
            note=note,
        )
        yield Figure("requests of both", large["writes"], 0, "", at_least=False)
        grown = (large["peak_kb"] - small["peak_kb"]) / 1024
        note = f"{SMALL:,}: {small['peak_kb'] / 1024:.0f} MB, {LARGE:,}: {large['peak_kb'] / 1024:.0f} MB"
        yield Figure(
            "growth of a resync's peak memory over 10 x the chunks",
            grown,
            50,
            "MB",
            at_least=False,
            note=note,
        )
        found = _measure(url, base, "edited", LARGE)
        note = f"{found['seconds']:.1f} s; uploaded {found['uploaded']:.0f}, deleted {found['deleted']:.0f}"
        yield Figure(
            "chunks written beyond the 1 % edited and 1 % deleted",
            found["beyond"],
            0,
            "",
            at_least=False,
            note=note,
        )
        yield Figure(
            "ids that are not in the index, the ledger and the source alike",
            found["differing"],
            0,
            "",
            at_least=False,
        )


def _fill_and_sync_again(url: str, base: str, chunks: int) -> dict[str, float]:
    filled = _measure(url, base, "fill", chunks)
    return {**_measure(url, base, "again", chunks), "rate": chunks / filled["seconds"]}


@contextmanager
def _sandbox() -> Iterator[str]:
    port = free_port()
    served = [sys.executable, "-m", "sandbox", "--port", str(port), "--messages", "10"]
    sandbox = subprocess.Popen(served)
    try:
        base = f"http://127.0.0.1:{port}"
        for _ in range(600):
            try:
                requests.get(f"{base}/_sandbox/", timeout=2)
                break
            except requests.ConnectionError:
                time.sleep(0.1)
        yield base
    finally:
        sandbox.terminate()
        sandbox.wait()


def _measure(url: str, base: str, what: str, size: int) -> dict[str, float]:
    env = os.environ | {"BENCH_URL": url, "BENCH_SANDBOX": base}
    command = [sys.executable, "-m", "benchmarks.indexing", what, str(size)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


# -- in a separate process -------------------------------------------------------------------------------


def text(number: int, version: int) -> str:
    """Return about 600 characters that differ for each number and version."""
    step = number * 31 + version * 17 + 1
    words = (WORDS[(step * k + k * k) % 12] for k in range(80))
    return f"Document {number}, version {version}: {' '.join(words)}"


def documents(size: int, edited: bool = False) -> Iterator[dict[str, Any]]:
    """Yield documents of one chunk each; if edited, 1 % have a new text and another 1 % are omitted."""
    for number in range(size):
        if edited and number % 100 == 1:
            continue
        version = 1 if edited and number % 100 == 0 else 0
        yield {
            "content": text(number, version),
            "metadata": {"doc_id": f"{size}-{number}", "source_ids": [str(number)], "number": number},
        }


def main() -> None:
    """Run one measurement and print its figures."""
    from core.clock import SystemClock
    from core.documents import Documents
    from core.session import Session
    from hooks.pinecone_hook import PineconeHook
    from trackers.pinecone.api import SyncOptions, Target, sync_to_pinecone
    from trackers.pinecone.record import split_id

    what, size = sys.argv[1], int(sys.argv[2])
    base = os.environ["BENCH_SANDBOX"]
    os.environ["AIRFLOW_CONN_PINECONE_PUBLIC"] = json.dumps(
        {
            "conn_type": "boost_pinecone",
            "host": f"{base}/pinecone",
            "password": "pcsk_sandbox_public",
            "extra": json.dumps({"index_name": "boost"}),
        }
    )
    name = f"{'first' if what == 'first' else 'bench'}-{size}"
    target = Target(name, name)
    clock = SystemClock()
    with psycopg.connect(os.environ["BENCH_URL"], autocommit=True) as conn:

        def sync(preprocess: Any, **options: Any) -> tuple[Any, float, int]:
            hook = PineconeHook(clock=clock)
            began = time.perf_counter()
            result = sync_to_pinecone(
                Session(conn, clock=clock), hook, target, preprocess, SyncOptions(**options)
            )
            hook.close()
            return result, time.perf_counter() - began, hook.requests

        figures: dict[str, float]
        if what in ("first", "fill"):
            result, seconds, requests_sent = sync(lambda f, s: (documents(size), False))
            assert result.upserted == size, result
            figures = {"seconds": seconds, "requests": requests_sent}
        elif what == "again":
            _, incremental, first_requests = sync(lambda f, s: (iter(()), False))
            result, resync, requests_sent = sync(lambda f, s: (documents(size), False), full_resync=True)
            assert result.unchanged == size, result
            figures = {"incremental": incremental, "resync": resync, "writes": first_requests + requests_sent}
        else:
            changed = (d for d in documents(size, edited=True) if "version 1" in d["content"])
            gone = [f"{size}-{n}" for n in range(1, size, 100)]
            result, seconds, _ = sync(lambda f, s: Documents(changed, deleted_doc_ids=gone))
            expected = {split_id(d["metadata"]["doc_id"], 0) for d in documents(size, edited=True)}
            hook = PineconeHook(clock=clock)
            hook.open()
            rows = conn.execute(
                "SELECT record_id FROM pinecone.ledger WHERE namespace = %s AND synced_at IS NOT NULL",
                (target.namespace,),
            )
            sets = [{row[0] for row in rows}]
            for kind in ("dense", "sparse"):
                sets.append({i for page in hook.ids(kind, target.namespace) for i in page})
            hook.close()
            figures = {
                "seconds": seconds,
                "uploaded": result.upserted,
                "deleted": result.deleted,
                "beyond": abs(result.upserted - size // 100)
                + abs(result.deleted - size // 100)
                + result.updated,
                "differing": sum(len(expected ^ found) for found in sets),
            }
    print(json.dumps({**figures, "peak_kb": peak_kb()}))


if __name__ == "__main__":
    main()
