"""Peak memory of a collector for ten times the messages: it must not grow with the source."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import requests

from benchmarks.report import Figure

SMALL, LARGE = 1_500, 15_000
LIST = "boost@lists.boost.org"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def figures(url: str) -> Iterator[Figure]:
    found = {messages: _measure(url, messages) for messages in (SMALL, LARGE)}
    grown = (found[LARGE]["peak_kb"] - found[SMALL]["peak_kb"]) / 1024
    note = ", ".join(
        f"{n:,}: {r['peak_kb'] / 1024:.0f} MB, {r['new'] / r['seconds']:.0f}/s" for n, r in found.items()
    )
    yield Figure("growth of peak memory over 10 x the messages", grown, 50, "MB", at_least=False, note=note)


def _measure(url: str, messages: int) -> dict[str, float]:
    port = free_port()
    served = [sys.executable, "-m", "sandbox", "--port", str(port), "--messages", str(round(messages / 0.6))]
    sandbox = subprocess.Popen(served)
    try:
        base = f"http://127.0.0.1:{port}"
        for _ in range(600):
            try:
                requests.get(f"{base}/_sandbox/", timeout=2)
                break
            except requests.ConnectionError:
                time.sleep(0.1)
        env = os.environ | {"BENCH_URL": url, "BENCH_ARCHIVE": f"{base}/hyperkitty/archives"}
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.memory"], env=env, capture_output=True, text=True, check=True
        )
        result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        return result
    finally:
        sandbox.terminate()
        sandbox.wait()


def peak_kb() -> int:
    """Return the peak of this process; ru_maxrss would include that of the process it was forked from."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1))  # type: ignore[union-attr]


def main() -> None:
    """Collect one list in this process, and print the peak memory."""
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
        conn.execute("TRUNCATE mailing_list.message, core.raw_payload, core.checkpoint")
        began = time.perf_counter()
        options = MailingListOptions(list_names=(LIST,))
        counts = collect(Session(conn), hook, options).counts
    hook.close()
    print(json.dumps({"peak_kb": peak_kb(), "new": counts["new"], "seconds": time.perf_counter() - began}))


if __name__ == "__main__":
    main()
