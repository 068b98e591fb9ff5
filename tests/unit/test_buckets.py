"""Limits that answers name: what a process learns of them, and when it sends."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from random import Random

import pytest

from core.budget import Admission, BucketBudget, BucketReport, LimitReport, NoBudget
from core.budget.buckets import MANY, Buckets, Place
from core.clock import FixedClock
from core.errors import Closed, RateLimited
from tests.share import some

A, B = Place("messages", "1"), Place("messages", "2")
PINS = Place("pins", "1")


def report_of(
    remaining: int, after: float = 5.0, *, name: str = "b", limit: int = 5, at: float = 1000.0
) -> LimitReport:
    return LimitReport(bucket=BucketReport(name, limit, remaining, after, at))


def refused(wait: float | None, scope: str = "user", name: str = "b") -> LimitReport:
    return LimitReport(refused=True, wait=wait, bucket=BucketReport(name, 5, 0, 1.0, 1000.0, scope))


def send(buckets: Buckets, place: Place, report: LimitReport, now: float = 0.0) -> None:
    assert buckets.wait(place, now) == 0
    buckets.enter(place)
    buckets.learn(place, report, now)


def test_one_request_finds_out_about_a_route() -> None:
    buckets = Buckets()
    buckets.enter(A)
    assert buckets.wait(A, 0.0) is None
    assert buckets.wait(B, 0.0) == 0
    buckets.learn(A, report_of(4), 0.0)
    for _ in range(4):
        assert buckets.wait(A, 0.0) == 0
        buckets.enter(A)
    assert buckets.wait(A, 0.0) == pytest.approx(5.0, abs=0.02)


def test_a_failed_request_leaves_the_next_one_to_find_out() -> None:
    buckets = Buckets()
    buckets.enter(A)
    buckets.leave(A, sent=True)
    assert buckets.wait(A, 0.0) == 0


def test_an_empty_bucket_is_waited_for_and_others_are_not() -> None:
    buckets = Buckets()
    send(buckets, A, report_of(0, 1.5))
    assert 1.5 <= (buckets.wait(A, 0.0) or 0) < 1.6
    assert buckets.wait(B, 0.0) == 0
    assert buckets.wait(PINS, 0.0) == 0
    assert buckets.wait(A, 1.6) == 0


def test_a_new_channel_has_the_size_of_the_bucket_elsewhere() -> None:
    buckets = Buckets()
    send(buckets, A, report_of(1, limit=2))
    buckets.enter(B)
    assert buckets.wait(B, 0.0) == 0
    buckets.enter(B)
    assert buckets.wait(B, 0.0) is None


def test_routes_may_share_a_bucket() -> None:
    buckets = Buckets()
    send(buckets, A, report_of(3))
    send(buckets, PINS, report_of(2))
    buckets.enter(PINS)
    buckets.enter(A)
    assert (buckets.wait(A, 0.0), buckets.wait(PINS, 0.0)) == (pytest.approx(5.0, abs=0.02),) * 2


def test_a_route_may_get_another_bucket() -> None:
    buckets = Buckets()
    send(buckets, A, report_of(0))
    send(buckets, B, report_of(0))
    assert buckets.wait(A, 6.0) == 0
    send(buckets, A, report_of(3, name="renamed", at=1006.0), 6.0)
    send(buckets, A, report_of(0, 9.0, name="renamed", at=1006.0), 6.0)
    assert (buckets.wait(A, 6.0) or 0) > 4.9


def test_what_was_known_under_another_name_still_holds_elsewhere() -> None:
    buckets = Buckets()
    send(buckets, A, report_of(3))
    send(buckets, B, report_of(0))
    send(buckets, A, report_of(2, name="renamed"))
    assert (buckets.wait(A, 0.0), buckets.wait(B, 0.0)) == (0, pytest.approx(5.0, abs=0.02))


def test_answers_may_overtake_each_other() -> None:
    buckets = Buckets()
    send(buckets, A, report_of(4))
    for _ in range(3):
        buckets.enter(A)
    for remaining in (1, 3, 2):
        buckets.learn(A, report_of(remaining), 0.1)
    send(buckets, A, report_of(0), 0.2)
    assert (buckets.wait(A, 0.2) or 0) > 4.7


def test_others_who_use_the_bucket_are_noticed() -> None:
    buckets = Buckets()
    send(buckets, A, report_of(4))
    send(buckets, A, report_of(0))
    assert (buckets.wait(A, 0.0) or 0) > 4.9


def test_a_late_answer_of_the_last_window_changes_nothing() -> None:
    buckets = Buckets()
    send(buckets, A, report_of(4, 1.0))
    buckets.enter(A)
    assert buckets.wait(A, 2.0) == 0
    send(buckets, A, report_of(4, 1.0, at=1001.0), 2.0)
    buckets.learn(A, report_of(0, 0.0), 2.1)
    assert buckets.wait(A, 2.1) == 0


def test_a_request_without_an_answer_may_have_been_counted() -> None:
    buckets = Buckets()
    send(buckets, A, report_of(1))
    buckets.enter(A)
    buckets.leave(A, sent=True)
    assert (buckets.wait(A, 0.0) or 0) > 4.9


def test_what_is_in_flight_at_the_reset_may_count_after_it() -> None:
    buckets = Buckets()
    send(buckets, A, report_of(4, 1.0))
    for _ in range(4):
        buckets.enter(A)
    assert buckets.wait(A, 2.0) == 0
    buckets.enter(A)
    assert buckets.wait(A, 2.0) is None
    buckets.learn(A, report_of(4, 1.0, at=1001.0), 2.0)
    assert (buckets.wait(A, 2.0) or 0) > 0.9


@pytest.mark.parametrize("scope", ["user", "shared"])
def test_a_refusal_blocks_its_bucket(scope: str) -> None:
    buckets = Buckets()
    send(buckets, A, refused(3.0, scope))
    assert buckets.wait(A, 0.0) == 3.0
    assert buckets.wait(B, 0.0) == 0
    assert buckets.wait(A, 3.0) == 0


def test_a_refusal_before_the_bucket_is_known_blocks_the_route_there() -> None:
    buckets = Buckets()
    send(buckets, A, refused(3.0, name=""))
    assert (buckets.wait(A, 0.0), buckets.wait(B, 0.0), buckets.wait(A, 3.0)) == (3.0, 0, 0)


@pytest.mark.parametrize("scope", ["global", "address"])
def test_a_global_refusal_blocks_everything(scope: str) -> None:
    buckets = Buckets()
    send(buckets, A, refused(64.57, scope, name=""))
    assert [buckets.wait(place, 0.0) for place in (A, B, PINS)] == [64.57] * 3
    assert buckets.wait(A, 64.6) == 0


def test_refusals_that_say_nothing_double() -> None:
    buckets, now = Buckets(), 0.0
    for expected in (5, 10, 20, 40, 80, 160, 300, 300):
        send(buckets, A, refused(None), now)
        assert buckets.wait(A, now) == expected
        now += expected + 1.0
    send(buckets, A, report_of(4, at=2000.0), now)
    send(buckets, A, refused(None), now)
    assert buckets.wait(A, now) == 5


def test_buckets_that_are_full_again_are_forgotten() -> None:
    buckets = Buckets()
    for number in range(3 * MANY):
        send(buckets, Place("messages", str(number)), report_of(4, 1.0, at=1000.0 + number), float(number))
    assert len(buckets._known) <= MANY + 1


class Source:
    """A source with one bucket per channel, whatever its name is at the moment."""

    def __init__(self, rng: Random) -> None:
        self.limit, self.window, self.name = rng.randint(1, 6), rng.uniform(0.5, 3.0), "b"
        self.used: dict[str, int] = {}
        self.resets: dict[str, float] = {}
        self.served, self.refused = 0, 0

    def answer(self, major: str, now: float) -> LimitReport:
        if now >= self.resets.get(major, 0.0):
            self.resets[major], self.used[major] = now + self.window, 0
        self.used[major] += 1
        after = self.resets[major] - now
        left = max(0, self.limit - self.used[major])
        report = report_of(left, after, name=self.name, limit=self.limit, at=self.resets[major])
        if self.used[major] <= self.limit:
            self.served += 1
            return report
        self.refused += 1
        return replace(report, refused=True, wait=after)


def play(seed: int, places: list[Place], *, renames: float = 0.0) -> tuple[Source, int]:
    """Send requests with delays and lost answers; return the source and how many names it had."""
    rng, now, names = Random(seed), 0.0, 1
    source, buckets = Source(rng), Buckets()
    outgoing: list[tuple[float, Place]] = []
    incoming: list[tuple[float, Place, LimitReport | None]] = []
    for _ in range(rng.randint(50, 200)):
        now += rng.uniform(0.0, 0.15)
        if rng.random() < renames:
            names, source.name = names + 1, f"b{names}"
        for place in places:
            while buckets.wait(place, now) == 0:
                buckets.enter(place)
                outgoing.append((now + rng.uniform(0.0, 0.2), place))
        for arrives, place in sorted(outgoing, key=lambda sent: sent[0]):
            if arrives <= now:
                report = None if rng.random() < 0.05 else source.answer(place.major, arrives)
                incoming.append((now + rng.uniform(0.0, 0.3), place, report))
        outgoing = [sent for sent in outgoing if sent[0] > now]
        for arrives, place, answer in sorted(incoming, key=lambda answer: answer[0]):
            if arrives <= now:
                if answer is not None:
                    buckets.learn(place, answer, now)
                else:
                    buckets.leave(place, sent=True)
        incoming = [answer for answer in incoming if answer[0] > now]
    return source, names


def test_no_history_of_a_route_exceeds_a_limit() -> None:
    played = [play(seed, [A, B])[0] for seed in some(range(300))]
    assert [source.refused for source in played] == [0] * len(played)
    assert sum(source.served for source in played) > len(played) * 10


def test_routes_that_share_a_bucket_and_new_names_cost_few_refusals() -> None:
    """Nobody can know that a route shares a bucket, or has got another name, before one of its answers says so."""
    for seed in some(range(300)):
        source, names = play(seed, [A, B, PINS], renames=0.02)
        assert source.refused <= 3 * names, f"seed {seed}"
        assert source.served > source.refused


# -- the budget -----------------------------------------------------------------------------------------


class Shared(NoBudget):
    """A budget that remembers what it was asked and what it learned."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.learned: list[LimitReport] = []
        self.closes = 0

    @contextmanager
    def admit(self, resource: str, *, cost: int | None = None, identity: str = "") -> Iterator[Admission]:
        self.asked.append(resource)
        budget = self

        class Permission:
            identity, longest = "bot", 45.0

            def learn(self, report: LimitReport) -> float | None:
                budget.learned.append(report)
                return 1.0

        yield Permission()

    def close(self) -> None:
        self.closes += 1


def test_a_request_waits_for_its_bucket_then_asks_the_shared_budget(clock: FixedClock) -> None:
    shared = Shared()
    budget = BucketBudget(shared, clock)
    for _ in range(2):
        with budget.admit("messages:1") as admission:
            assert (admission.identity, admission.longest) == ("bot", 45.0)
            admission.learn(report_of(0, 1.5))
    assert shared.asked == ["core", "core"]
    assert clock.slept == [pytest.approx(1.5, abs=0.02)]
    with budget.admit("messages:2"):
        pass
    assert len(clock.slept) == 1


def test_the_task_is_retried_later_if_the_wait_is_long(clock: FixedClock) -> None:
    budget = BucketBudget(Shared(), clock)
    with budget.admit("messages:1") as admission:
        assert admission.learn(refused(64.57, "global")) == 0.0
    with pytest.raises(RateLimited, match="limit for pins is reached") as caught, budget.admit("pins:1"):
        pass
    assert caught.value.retry_after == 64.57
    assert clock.slept == []
    clock.sleep(64.57)
    with budget.admit("messages:1"):
        pass


def test_all_processes_hear_of_global_refusals_only(clock: FixedClock) -> None:
    shared = Shared()
    budget = BucketBudget(shared, clock)
    for scope in ("user", "shared", "global"):
        with budget.admit("messages:1") as admission:
            admission.learn(refused(1.0, scope))
    assert [(report.refused, report.wait) for report in shared.learned] == [
        (False, None),
        (False, None),
        (True, 1.0),
    ]


def test_closing_ends_those_who_wait_for_an_answer(clock: FixedClock) -> None:
    shared = Shared()
    budget = BucketBudget(shared, clock)
    errors: list[BaseException] = []

    def send() -> None:
        try:
            with budget.admit("messages:1"):
                pass
        except Closed as error:
            errors.append(error)

    with budget.admit("messages:1"):
        thread = threading.Thread(target=send)
        thread.start()
        thread.join(0.05)
        budget.close()
        thread.join()
    assert (len(errors), shared.closes) == (1, 1)
