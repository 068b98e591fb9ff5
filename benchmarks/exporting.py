"""A first load of a mailing list by monthly exports, compared with a bare download of the same responses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import requests

from benchmarks.memory import free_port
from benchmarks.report import Figure

MONTHS, PER_MONTH, LATENCY, IN_FLIGHT = 12, 400, 0.05, 4
LIST = "boost-users@lists.boost.org"
"""Not the list of the memory benchmark, which uses the same database: this must be a first load."""


def figures(url: str) -> Iterator[Figure]:
    port = free_port()
    served = subprocess.Popen([sys.executable, "-m", "benchmarks.exporting", "serve", str(port)])
    base = f"http://127.0.0.1:{port}"
    try:
        _await(base)
        requests.post(
            f"{base}/_sandbox/faults", json={"path": "hyperkitty", "kind": "delay", "seconds": LATENCY}
        )
        first = _measure(url, base)
        sent = requests.get(f"{base}/_sandbox/requests").json()["recent"]
        details = sum("/email/" in line for line in sent)
        note = f"{first['new']:.0f} messages, {details} by their details; {first['seconds']:.1f} s"
        yield Figure(
            "first load by exports, requests other than details",
            len(sent) - details,
            65,
            "",
            at_least=False,
            note=note,
        )
        bare = _bare(base, sent)
        yield Figure(
            "the same, compared with a bare download of the same responses",
            first["seconds"] / bare,
            2,
            "x",
            at_least=False,
            note=f"{bare:.1f} s",
        )
        requests.delete(f"{base}/_sandbox/requests")
        _measure(url, base)
        again = len(requests.get(f"{base}/_sandbox/requests").json()["recent"])
        yield Figure("nothing new, requests", again, 2, "", at_least=False)
    finally:
        served.terminate()
        served.wait()


def _await(base: str) -> None:
    for _ in range(600):
        try:
            requests.get(f"{base}/_sandbox/", timeout=2)
            return
        except requests.ConnectionError:
            time.sleep(0.1)


def _bare(base: str, sent: list[str]) -> float:
    """Download the same responses with the same concurrency and discard them."""
    session = requests.Session()
    began = time.perf_counter()
    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        list(pool.map(lambda line: session.get(base + line.partition(" ")[2]).content, sent))
    return time.perf_counter() - began


def _measure(url: str, base: str) -> dict[str, float]:
    env = os.environ | {"BENCH_URL": url, "BENCH_ARCHIVE": f"{base}/hyperkitty/archives"}
    command = [sys.executable, "-m", "benchmarks.exporting", "collect"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def serve(port: int) -> None:
    """Serve a list with a year of messages; every hundredth has an attachment."""
    import uvicorn

    from sandbox.app import create_app
    from sandbox.community.mail import message_hash_of
    from sandbox.hyperkitty.archive import Attachment, Entry, MailList
    from sandbox.world import World

    world = World()
    found = world.mail.add_list(MailList(LIST, "Boost"))
    for number in range(MONTHS * PER_MONTH):
        month, position = divmod(number, PER_MONTH)
        moment = datetime(2025, month + 1, 1, tzinfo=UTC) + timedelta(minutes=100 * position)
        message_id = f"{number}@example.org"
        message_hash = message_hash_of(message_id)
        files = (Attachment("a.txt", "text/plain", "utf-8", 20),) if number % 100 == 0 else ()
        text = f"Message {number}\n" + "Some words about a library and its review. " * 30
        sender = f"writer{number % 50}@example.org"
        found.add(
            Entry(
                message_id,
                message_hash,
                message_hash,
                None,
                f"Subject {number}",
                f"Writer {number % 50}",
                sender,
                None,
                moment,
                moment,
                text,
                files,
            )
        )
    uvicorn.run(
        create_app(world),
        host="127.0.0.1",
        port=port,
        log_level="warning",
        access_log=False,
        lifespan="off",
        date_header=False,
    )


def collect_list() -> None:
    """Collect the list in this process, and print how long it took."""
    import psycopg

    from core.session import Session
    from hooks.mailing_list_hook import MailingListHook
    from trackers.mailing_list.collect import collect
    from trackers.mailing_list.options import MailingListOptions

    os.environ["AIRFLOW_CONN_HYPERKITTY_BOOST"] = json.dumps(
        {"conn_type": "hyperkitty", "host": os.environ["BENCH_ARCHIVE"]}
    )
    hook = MailingListHook()
    with psycopg.connect(os.environ["BENCH_URL"], autocommit=True) as conn:
        began = time.perf_counter()
        options = MailingListOptions(list_names=(LIST,))
        counts = collect(Session(conn), hook, options).counts
        seconds = time.perf_counter() - began
    hook.close()
    print(json.dumps({"new": counts.get("new", 0), "seconds": seconds}))


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(int(sys.argv[2]))
    else:
        collect_list()
