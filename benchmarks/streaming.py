"""Streams of many units side by side: against the pace that the source allows, its quotas and its windows."""

from __future__ import annotations

import json
import logging
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import psycopg
import requests
import structlog

from benchmarks.canned import Canned, as_argument
from benchmarks.report import Figure
from core import raw
from core.budget import Limits, RateLeases, SharedBudget, shared
from core.errors import CollectorBusy, CollectorFailureCategory, UnitsFailed
from core.http_cache import Validators
from core.listing import ByKey, Page, Position
from core.session import Session, UnitSession
from core.stream import Stream
from core.units import collect_units
from hooks.api import ApiClient, Call

UNITS, STREAMS, IN_FLIGHT, LATENCY = 200, 3, 8, 0.05
OWNERS = ("ada", "bob", "cyd")
BLOCK = 25
PAGES, QUOTA, RESERVE, WINDOW = 3_000, 500, 20, 10.0
"""A first load of so many pages: 500 requests an hour, where an hour takes ten seconds."""
PER_PAGE, OWNER = 2, "ada"


def figures(url: str) -> Iterator[Figure]:
    # Airflow configures it anew when another part imports it.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield from _side_by_side(url)
    yield _cpu(url)
    yield from _first_load(url, kills=False)
    yield from _first_load(url, kills=True)


@contextmanager
def served(config: Canned) -> Iterator[str]:
    command = [sys.executable, "-m", "benchmarks.canned", as_argument(config)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ))
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.terminate()
        process.wait()


def stats(base: str) -> dict[str, Any]:
    found: dict[str, Any] = requests.get(f"{base}/_stats", timeout=30).json()
    return found


def client_of(url: str, base: str, limits: Limits, owners: tuple[str, ...] = OWNERS) -> ApiClient:
    leases = RateLeases(partial(psycopg.connect, url, autocommit=True), list(owners), limits)
    return ApiClient(
        base,
        budget=SharedBudget(leases, limits),
        in_flight=IN_FLIGHT,
        auth_of=lambda owner: {"Authorization": f"Bearer token_of_{owner}"},
    )


def listing(client: ApiClient, path: str, per_page: int) -> ByKey:
    def fetch(at: Position, known: Validators) -> Page:
        params = (("since", at.since.lstrip("0") or "0"),)
        response = client.send(Call("GET", path, params, validators=known))
        return response.page([] if response.not_modified else response.json())

    def text(name: str, item: Mapping[str, Any]) -> str:
        return str(item[name])

    return ByKey(fetch, partial(text, "key"), partial(text, "id"), per_page)


def collect(url: str, client: ApiClient, units: int, streams: int, workers: int, per_page: int) -> None:
    """Collect everything as a tracker does: raw payloads, checkpoint and validator in one transaction."""

    def work(unit: UnitSession) -> None:
        for name in map(str, range(streams)):
            stream = Stream(unit, "bench", name, listing(client, f"/{unit.name}/{name}", per_page))
            for page in stream.pages():
                now = unit.clock.now()
                payloads = [
                    raw.RawItem(f"{unit.name}/{name}/{item['id']}", json.dumps(item).encode(), now)
                    for item in page.items
                ]
                with unit.conn.transaction():
                    raw.save(unit.conn, "bench", "item", payloads)
                    stream.save(page)

    connect = partial(psycopg.connect, url, autocommit=True)
    with connect() as conn:
        session = Session(conn, command="bench", connect=connect, side_by_side=workers)
        collect_units(session, [f"u{n}" for n in range(units)], work)


def _clean(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(
            "TRUNCATE core.raw_payload, core.checkpoint, core.http_cache, core.rate_quota, core.rate_lease"
        )


def _side_by_side(url: str) -> Iterator[Figure]:
    _clean(url)
    quota = UNITS * STREAMS
    limits = Limits(in_flight=IN_FLIGHT, has_quota=True, block=BLOCK, slots_each=IN_FLIGHT)
    config = Canned(seconds=LATENCY, in_flight=IN_FLIGHT, quotas=tuple((owner, quota) for owner in OWNERS))
    least = UNITS * STREAMS / IN_FLIGHT * LATENCY
    with served(config) as base:
        client = client_of(url, base, limits)
        collect(url, client, UNITS, STREAMS, IN_FLIGHT, config.per_page)
        cold = stats(base)
        shares = [1 - cold["used"][owner] / quota for owner in OWNERS]
        yield Figure(
            "first run with three tokens, spread of quota left",
            (max(shares) - min(shares)) * quota / BLOCK,
            1,
            "block",
            at_least=False,
            note=", ".join(f"{share:.0%}" for share in shares) + f" left; {cold['statuses']}",
        )
        began = time.perf_counter()
        collect(url, client, UNITS, STREAMS, IN_FLIGHT, config.per_page)
        took = time.perf_counter() - began
        idle = stats(base)
        note = f"{UNITS} units, {STREAMS} streams each: {took:.1f} s, at least {least:.1f} s"
        yield Figure(
            "second, idle run, against the source's pace", took / least, 1.3, at_least=False, note=note
        )
        spent = sum(idle["used"].values()) - sum(cold["used"].values())
        unchanged = idle["statuses"].get("304", 0)
        note = f"{unchanged} answers of {UNITS * STREAMS} were 304"
        yield Figure("the same, quota used", spent, 0, "", at_least=False, note=note)
        yield Figure("both, violations of limits", sum(idle["violations"].values()), 0, "", at_least=False)
        client.close()


def _cpu(url: str) -> Figure:
    """Compare the CPU of this process for requests of the client with that of a bare session."""
    each = 2_000
    limits = Limits(in_flight=IN_FLIGHT, has_quota=True, block=BLOCK, slots_each=IN_FLIGHT)
    config = Canned(seconds=0.002, in_flight=IN_FLIGHT, quotas=tuple((owner, 100_000) for owner in OWNERS))
    _clean(url)
    with served(config) as base:
        local = threading.local()
        headers = {"Authorization": "Bearer token_of_"}

        def bare(number: int) -> None:
            if not hasattr(local, "session"):
                local.session = requests.Session()
            answer = local.session.get(f"{base}/u{number}/0", headers=headers, timeout=30)
            assert answer.content

        client = client_of(url, base, limits)
        bare_cpu = min(_cpu_of(bare, each) for _ in range(2))
        ours = min(_cpu_of(lambda number: client.get(f"/u{number}/0"), each) for _ in range(2))
        client.close()
    note = f"{1000 * ours / each:.2f} ms a request; a bare session needs {1000 * bare_cpu / each:.2f} ms"
    return Figure(
        "CPU of client and budget beyond a bare session",
        1000 * (ours - bare_cpu) / each,
        0.5,
        "ms",
        at_least=False,
        note=note,
    )


def _cpu_of(work: Any, number: int) -> float:
    """Return the CPU seconds of this process for calls from several threads."""
    numbers = iter(range(number))
    lock = threading.Lock()

    def worker() -> None:
        while True:
            with lock:
                found = next(numbers, None)
            if found is None:
                return
            work(found)

    threads = [threading.Thread(target=worker) for _ in range(IN_FLIGHT)]
    began = time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.process_time() - began


def _first_load(url: str, *, kills: bool) -> Iterator[Figure]:
    """Load one long stream under a small quota; each run ends when the quota is used up.

    :param kills: whether another run is killed before, in each window of the quota.
    """
    _clean(url)
    config = Canned(
        items=PAGES + 1,
        per_page=PER_PAGE,
        seconds=0.0,
        in_flight=4,
        window=WINDOW,
        quotas=((OWNER, QUOTA),),
    )
    runs = killed = 0
    with served(config) as base:
        complete = False
        while not complete:
            if kills and killed < _windows(base):
                killed += _killed(url, base)
            runs += 1
            complete = _load(url, base)
        found = stats(base)
    sent = sum(found["statuses"].values())
    windows, least = found["windows"][OWNER], math.ceil(sent / (QUOTA - RESERVE))
    name = f"{PAGES} pages, {QUOTA} an hour" + (", kills" if kills else "")
    note = f"{windows} windows; {runs} runs, {killed} killed; {sent} requests"
    yield Figure(f"{name}: windows beyond those needed", windows - least, 0, "", at_least=False, note=note)
    yield Figure(f"{name}: pages fetched twice", found["twice"], killed, "", at_least=False)
    yield Figure(f"{name}: violations", sum(found["violations"].values()), 0, "", at_least=False)


def _windows(base: str) -> int:
    """Return in how many windows of the quota something was requested."""
    return int(stats(base)["windows"].get(OWNER, 0)) + 1


def _load(url: str, base: str) -> bool:
    """Collect until the quota is used up, and wait for the next one; return whether everything is there."""
    limits = Limits(
        in_flight=4,
        has_quota=True,
        reserve=RESERVE,
        block=BLOCK,
        slots_each=4,
        skew=0.05,
        lease=0.5,
        longest_request=0.5,
    )
    client = client_of(url, base, limits, owners=(OWNER,))
    patience, shared.PATIENCE = shared.PATIENCE, 0.3  # A scaled hour must end a run, too.
    try:
        collect(url, client, 1, 1, 1, PER_PAGE)
    except CollectorBusy:
        time.sleep(0.01)  # The server has not noticed yet that the killed process is gone.
        return False
    except UnitsFailed as failed:
        if failed.category is not CollectorFailureCategory.RATE_LIMIT:
            raise
        time.sleep((failed.retry_after or 0) + 0.05)
        return False
    finally:
        shared.PATIENCE = patience
        client.close()
    return True


def _killed(url: str, base: str) -> bool:
    """Begin a run in a process, and kill it after a hundred pages; return whether it was killed."""
    before = stats(base)["pages"]
    command = [sys.executable, "-m", "benchmarks.streaming", url, base]
    process = subprocess.Popen(command, env=dict(os.environ))
    while process.poll() is None and stats(base)["pages"] < before + 100:
        time.sleep(0.05)
    process.kill()
    return process.wait() < 0


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    _load(*sys.argv[1:])
