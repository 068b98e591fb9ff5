"""Random histories of the rate budget: however processes come, die and lose their database, no limit is exceeded.

A process is a thread with a budget and a connection of its own. The source is the sandbox's `Limit`, asked
directly, with windows of about a second.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random
from threading import Lock, Thread

import psycopg
import pytest
from requests.structures import CaseInsensitiveDict

from core.budget import Limits, RateLeases, SharedBudget
from core.database import Conn
from core.errors import RateLimited, SourceUnavailable
from hooks.http.limit_headers import RateLimitHeaders
from sandbox.limits import Limit
from tests.share import some

FOREIGN = 3
"""Requests that another program sends as the same identity while one of ours is in flight.

The reserve must hold those of all that are in flight: nobody can know of them before an answer reports them.
"""

ERRORS: list[BaseException] = []
"""What no thread expected."""


class Died(Exception):
    """A process that is killed: nothing of it is closed."""


@dataclass
class Source:
    """A source with limits, and a lock because several threads ask it."""

    limit: Limit
    lock: Lock = field(default_factory=Lock)

    def enter(self, identity: str) -> str:
        with self.lock:
            return self.limit.enter(identity)

    def answer(self, identity: str, cost: int) -> CaseInsensitiveDict[str]:
        """End a request; return the headers of its answer."""
        with self.lock:
            self.limit.charge(identity, cost)
            self.limit.leave(identity)
            return CaseInsensitiveDict(self.limit.headers(identity))

    def use(self, identity: str, number: int) -> None:
        """Let another program send requests."""
        for _ in range(number):
            with self.lock:
                if self.limit.remaining(identity) > 0 and identity in self.limit.used:
                    self.limit.used[identity] += 1


@dataclass
class History:
    """What happens: drawn from a seed, so that it can be played again."""

    url: str
    seed: int

    def __post_init__(self) -> None:
        rng = Random(self.seed)
        self.identities = [f"{self.seed}/{name}" for name in "abc"[: rng.randint(1, 3)]]
        in_flight = rng.randint(1, 8)
        reserve = (in_flight + 1) * (FOREIGN + 1)
        quotas = {identity: reserve + rng.randint(10, 40) for identity in self.identities}
        self.reports = rng.random() < 0.8
        self.source = Source(
            Limit("/", quotas=quotas, window=rng.uniform(0.6, 1.5), in_flight=in_flight, reports=self.reports)
            if self.reports
            else Limit("/", per_stretch=(rate := rng.randint(5, 30)), stretch=0.5, in_flight=in_flight)
        )
        self.limits = Limits(
            has_quota=self.reports,
            reserve=reserve,
            in_flight=in_flight,
            per_window=0 if self.reports else rate,
            window=0.5,
            block=rng.randint(1, 8),
            slots_each=rng.randint(1, 4),
            lease=0.4,
            longest_request=1.0,
            skew=0.05,
        )
        self.processes = [rng.randint(5, 25) for _ in range(rng.choice((1, 2, 4, 8, 16)))]
        self.dies, self.loses = rng.choice((0.0, 0.02)), rng.choice((0.0, 0.05))
        self.unchanged, self.foreign = rng.choice((0.0, 0.5)), rng.choice((0.0, 0.1))
        self.sent, self.put_off = 0, 0

    def play(self) -> None:
        threads = [Thread(target=self._process, args=(number,)) for number in range(len(self.processes))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _process(self, number: int) -> None:
        """Send requests from one or several threads, and end or die."""
        rng = Random(f"{self.seed}/{number}")
        conns: list[Conn] = []
        dead: list[bool] = []

        def connect() -> Conn:
            conns.append(psycopg.connect(self.url, autocommit=True))
            return conns[-1]

        budget = SharedBudget(RateLeases(connect, self.identities, self.limits), self.limits)
        several = rng.choice((1, 1, 3))
        parts = [self.processes[number] // several] * several
        parts[0] += self.processes[number] % several
        with ThreadPoolExecutor(several) as threads:
            for thread, requests in enumerate(parts):
                mine = Random(f"{self.seed}/{number}/{thread}")
                done = threads.submit(self._thread, budget, conns, dead, requests, mine)
                done.add_done_callback(_raise)
        if dead:
            conns[-1].close()
        else:
            budget.close()

    def _thread(
        self, budget: SharedBudget, conns: list[Conn], dead: list[bool], requests: int, rng: Random
    ) -> None:
        for _ in range(requests):
            if conns and rng.random() < self.loses:
                self._end_connection(conns[-1])
            try:
                if not dead:
                    self._request(budget, rng)
            except RateLimited:
                self.put_off += 1
            except SourceUnavailable:
                continue
            except Died:
                dead.append(True)

    def _end_connection(self, lost: Conn) -> None:
        """Let the server end a connection, as a restart or an administrator does."""
        with psycopg.connect(self.url, autocommit=True) as conn:
            conn.execute("SELECT pg_terminate_backend(%s)", [lost.info.backend_pid])

    def _request(self, budget: SharedBudget, rng: Random) -> None:
        with budget.admit("core") as admission:
            identity = admission.identity
            refused = self.source.enter(identity)
            if rng.random() < self.foreign:
                self.source.use(identity, rng.randint(1, FOREIGN))
            time.sleep(rng.uniform(0.0, 0.02))
            unchanged = not refused and rng.random() < self.unchanged
            headers = self.source.answer(identity, 0 if unchanged else 1)
            if rng.random() < self.dies:
                raise Died
            status = 403 if refused else 304 if unchanged else 200
            admission.learn(RateLimitHeaders().read(status, headers, b""))
            self.sent += 1

    def books_above_the_source(self, conn: Conn) -> list[tuple[str, int, int]]:
        """Return identities of which our books believe that more is left than there is."""
        rows = conn.execute(
            "SELECT identity, remaining FROM core.rate_quota"
            " WHERE identity = ANY(%s) AND remaining IS NOT NULL AND reset_at > clock_timestamp() + interval '0.1 s'",
            [self.identities],
        ).fetchall()
        left = {identity: self.source.limit.remaining(identity) for identity in self.identities}
        return [(identity, ours, left[identity]) for identity, ours in rows if ours > left[identity]]


def _raise(done: Future[None]) -> None:
    if error := done.exception():
        ERRORS.append(error)


def play(url: str, seed: int) -> History:
    history = History(url, seed)
    history.play()
    return history


def check(database: str, seeds: Iterable[int]) -> None:
    with ThreadPoolExecutor(6) as pool, psycopg.connect(database, autocommit=True) as conn:
        for history in pool.map(lambda seed: play(database, seed), seeds):
            assert ERRORS == []
            assert history.source.limit.violations == {}, history.seed
            if not history.foreign:
                assert history.books_above_the_source(conn) == [], history.seed
            if not history.dies and not history.loses:
                assert history.sent + history.put_off == sum(history.processes), history.seed


def test_no_limit_is_exceeded_in_some_histories(database: str) -> None:
    check(database, some((0, 5, 20, 22)))


@pytest.mark.prove
@pytest.mark.timeout(3000)
def test_no_limit_is_exceeded_in_a_thousand_histories(database: str) -> None:
    check(database, range(100, 1100))
