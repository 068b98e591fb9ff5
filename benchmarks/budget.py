"""What the shared rate budget costs per request when sixteen processes share one identity."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from threading import Thread

from benchmarks.report import Figure

PROCESSES, REQUESTS = 16, 1_000


def figures(url: str) -> Iterator[Figure]:
    env = os.environ | {"BENCH_URL": url}
    command = [sys.executable, "-m", "benchmarks.budget"]
    running = [
        subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) for _ in range(PROCESSES)
    ]
    found = [json.loads(process.communicate()[0].splitlines()[-1]) for process in running]
    median = statistics.median(one["median"] for one in found) * 1000
    mean = statistics.mean(one["mean"] for one in found) * 1000
    note = f"{PROCESSES} processes; mean with the blocks {mean:.3f} ms"
    yield Figure("budget, median per request", median, 0.2, "ms", at_least=False, note=note)
    worst = max(one["block"] for one in found) * 1000
    yield Figure("budget, median of acquiring a block, slowest process", worst, 50, "ms", at_least=False)
    total, rate = 100, 30
    took, ideal = shared_rate(url, total, rate), (total - rate) / rate
    note = f"{total} requests of 4 tasks at {rate} a second: {took:.1f} s, at least {ideal:.1f} s"
    yield Figure("a rate shared by four, against the ideal", took / ideal, 2.5, at_least=False, note=note)


def shared_rate(url: str, total: int, rate: int) -> float:
    """Admit requests for four tasks under one limit per second; return how long it took."""
    import psycopg

    from core.budget import Limits, RateLeases, SharedBudget

    limits = Limits(
        block=6, slots_each=2, per_window=rate, window=1.0, lease=0.15, longest_request=0.1, skew=0.0
    )
    connect = partial(psycopg.connect, url, autocommit=True)

    def task() -> None:
        leases = RateLeases(connect, ["shared"], limits)
        budget = SharedBudget(leases, limits)
        for _ in range(total // 4):
            with budget.admit("core"):
                pass
        budget.close()

    threads = [Thread(target=task) for _ in range(4)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - began


def main() -> None:
    """Admit requests as fast as the budget allows, and print how long each took."""
    import psycopg

    from core.budget import Limits, RateLeases, SharedBudget

    limits = Limits(in_flight=PROCESSES * 4, slots_each=4, block=25)
    leases = RateLeases(lambda: psycopg.connect(os.environ["BENCH_URL"], autocommit=True), ["bench"], limits)
    budget = SharedBudget(leases, limits)
    seconds = []
    for _ in range(REQUESTS):
        began = time.perf_counter()
        with budget.admit("core"):
            pass
        seconds.append(time.perf_counter() - began)
    budget.close()
    blocks = sorted(seconds)[-REQUESTS // limits.block :]
    result = {
        "median": statistics.median(seconds),
        "mean": statistics.mean(seconds),
        "block": statistics.median(blocks),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
