"""The part of the budget inside a process, with leases that a test hands out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from core.budget import LimitReport, Limits, QuotaReport, SharedBudget
from core.budget.leases import Lease, LeaseUse, Wait
from core.clock import FixedClock, SystemClock
from core.errors import Closed, RateLimited

QUICK = Limits(in_flight=6, block=6, slots_each=2, lease=0.4, longest_request=2.0, skew=0.0)


class FakeLeases:
    """Leases with the given answers; records the reports."""

    def __init__(self, *answers: Lease | Wait) -> None:
        self.answers = list(answers)
        self.reports: list[list[LeaseUse]] = []
        self.blocked: list[tuple[str, float | None]] = []
        self.wished: list[str] = []

    def take(self, resource: str, cost: int, used: Sequence[LeaseUse], identity: str = "") -> Lease | Wait:
        self.reports.append(list(used))
        self.wished.append(identity)
        return self.answers.pop(0)

    def give_back(self, resource: str, used: Sequence[LeaseUse]) -> None:
        self.reports.append(list(used))

    def block(self, resource: str, lease: Lease, report: LimitReport) -> None:
        self.blocked.append((lease.identity, report.wait))

    def exclude(self, identity: str) -> bool:
        return True

    def close(self) -> None:
        pass


def lease(number: int, identity: str = "a", requests: int = 6, points: int = 6, slots: int = 2) -> Lease:
    return Lease(number, identity, requests, points, slots)


def test_a_lease_is_used_up_and_reported(clock: FixedClock) -> None:
    leases = FakeLeases(lease(1, requests=2), lease(2, "b"))
    limits = Limits(**{**vars(QUICK), "has_quota": True})
    budget = SharedBudget(leases, limits, clock)
    names = []
    reset = datetime(2030, 1, 1, tzinfo=UTC)
    for remaining in (9, 7, 8):
        with budget.admit("core") as admission:
            names.append(admission.identity)
            admission.learn(LimitReport(QuotaReport(10, remaining, reset)))
    assert names == ["a", "a", "b"]
    budget.close()
    first, second, last = leases.reports
    assert first == []
    assert second == [LeaseUse(lease(1, requests=2), 2, 2, 0, True, QuotaReport(10, 7, reset))]
    assert last == [LeaseUse(lease(2, "b"), 1, 1, 0, True, QuotaReport(10, 8, reset))]


def test_a_lease_is_cut_when_an_answer_reports_less(clock: FixedClock) -> None:
    leases = FakeLeases(lease(1), Wait(600.0, "drained"))
    budget = SharedBudget(leases, Limits(**{**vars(QUICK), "has_quota": True, "reserve": 3}), clock)
    with budget.admit("core") as admission:
        admission.learn(LimitReport(QuotaReport(100, 4, datetime(2030, 1, 1, tzinfo=UTC))))
    with budget.admit("core"):
        pass
    with pytest.raises(RateLimited, match="drained"), budget.admit("core"):
        pass
    (used,) = leases.reports[1]
    assert (used.requests, used.points) == (2, 2)


def test_a_cut_lease_leaves_room_for_what_is_in_flight(clock: FixedClock) -> None:
    """The source had 6 left when it answered, and had not counted the other request yet."""
    leases = FakeLeases(lease(1, requests=50, points=50, slots=8), Wait(600.0, "drained"))
    budget = SharedBudget(leases, Limits(**{**vars(QUICK), "has_quota": True}), clock)
    reset = datetime(2030, 1, 1, tzinfo=UTC)
    with budget.admit("core"), budget.admit("core") as admission:
        admission.learn(LimitReport(QuotaReport(100, 6, reset)))
    sent = 2
    with pytest.raises(RateLimited):
        while sent < 50:
            with budget.admit("core"):
                sent += 1
    assert sent == 1 + 6


def test_the_quota_of_another_resource_is_not_taken_for_this_one(clock: FixedClock) -> None:
    leases = FakeLeases(lease(1))
    budget = SharedBudget(leases, Limits(**{**vars(QUICK), "has_quota": True}), clock)
    for _ in range(6):
        with budget.admit("core") as admission:
            reset = datetime(2030, 1, 1, tzinfo=UTC)
            admission.learn(LimitReport(QuotaReport(30, 0, reset, "search")))


def test_an_answer_corrects_the_cost(clock: FixedClock) -> None:
    leases = FakeLeases(lease(1, points=10), lease(2, points=30), lease(3))
    budget = SharedBudget(leases, Limits(**{**vars(QUICK), "has_quota": True}), clock)
    for cost, corrected in ((4, 1), (9, None), (25, 30), (1, 0), (1, None)):
        with budget.admit("core", cost=cost) as admission:
            admission.learn(LimitReport(cost=corrected))
    assert [[(use.requests, use.points) for use in uses] for uses in leases.reports] == [
        [],
        [(2, 10)],
        [(1, 30)],
    ]


def test_requests_in_flight_keep_their_slots_when_a_lease_ends(clock: FixedClock) -> None:
    leases = FakeLeases(lease(1, requests=1), lease(2, "b"), lease(3, "b"))
    budget = SharedBudget(leases, QUICK, clock)
    with budget.admit("core") as slow:
        assert slow.identity == "a"
        with budget.admit("core"):
            pass
        assert [(use.lease.id, use.in_flight) for use in leases.reports[1]] == [(1, 1)]
    budget.close()
    assert [(use.lease.id, use.in_flight) for use in leases.reports[2]] == [(1, 0), (2, 0)]


def test_a_refusal_ends_the_lease_and_blocks_the_identity(clock: FixedClock) -> None:
    leases = FakeLeases(lease(1), lease(2, "b"))
    budget = SharedBudget(leases, QUICK, clock)
    with budget.admit("core") as admission:
        assert admission.learn(LimitReport(refused=True, wait=None)) == 0.0
    with budget.admit("core") as admission:
        assert admission.identity == "b"
    assert leases.blocked == [("a", None)]
    assert leases.reports[1] == [LeaseUse(lease(1), 1, 1)]


def test_a_preferred_identity_is_used_if_it_can_send(clock: FixedClock) -> None:
    leases = FakeLeases(lease(1, "b"), Wait(600.0, "drained"))
    budget = SharedBudget(leases, QUICK, clock)
    with budget.admit("core", identity="b") as admission:
        assert admission.identity == "b"
    with budget.admit("core", identity="c") as admission:
        assert admission.identity == "b"
    assert leases.wished == ["b", "c"]
    assert clock.slept == []


def test_a_lease_is_not_used_after_it_expires_even_if_the_wall_clock_jumps(clock: FixedClock) -> None:
    leases = FakeLeases(lease(1), lease(2))
    budget = SharedBudget(leases, QUICK, clock)
    with budget.admit("core"):
        pass
    clock.moment -= timedelta(days=400)
    with budget.admit("core"):
        pass
    assert len(leases.reports) == 1
    clock.elapsed += QUICK.lease
    with budget.admit("core"):
        pass
    assert len(leases.reports) == 2


def test_the_process_waits_for_short_times_and_leaves_long_ones_to_the_scheduler(clock: FixedClock) -> None:
    leases = FakeLeases(Wait(5.0, "busy"), lease(1, requests=1), Wait(600.0, "drained"))
    budget = SharedBudget(leases, QUICK, clock)
    with budget.admit("core"):
        pass
    assert clock.slept == [5.0]
    with pytest.raises(RateLimited, match="drained") as caught, budget.admit("core"):
        pass
    assert caught.value.retry_after == 600.0


class SlowLeases(FakeLeases):
    """Leases whose grant takes until a test allows it."""

    def __init__(self, *answers: Lease | Wait) -> None:
        super().__init__(*answers)
        self.asked, self.granted, self.closes = threading.Event(), threading.Event(), 0

    def take(self, resource: str, cost: int, used: Sequence[LeaseUse], identity: str = "") -> Lease | Wait:
        self.asked.set()
        self.granted.wait()
        return super().take(resource, cost, used, identity)

    def close(self) -> None:
        self.closes += 1


class SleeplessClock(SystemClock):
    """Waits only in a way that an event ends."""

    def sleep(self, seconds: float) -> None:
        raise AssertionError(f"nothing could end this wait of {seconds} s")


def in_thread(work: Callable[[], object]) -> tuple[threading.Thread, list[BaseException]]:
    errors: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, errors


def admitted(budget: SharedBudget) -> None:
    with budget.admit("core"):
        pass


def test_closing_ends_those_who_wait_for_a_time() -> None:
    leases = SlowLeases(*[Wait(25.0, "busy")] * 3)
    budget = SharedBudget(leases, QUICK, SleeplessClock())
    thread, errors = in_thread(lambda: admitted(budget))
    leases.granted.set()
    leases.asked.wait()
    while len(leases.reports) < 1:
        thread.join(0.01)
    budget.close()
    thread.join()
    assert [type(error) for error in errors] == [Closed]
    assert len(leases.reports) == 1


def test_closing_ends_those_who_wait_for_a_place() -> None:
    leases = FakeLeases(lease(1, slots=1), lease(2, slots=1))
    budget = SharedBudget(leases, QUICK)
    with budget.admit("core"):
        thread, errors = in_thread(lambda: admitted(budget))
        thread.join(0.05)
        budget.close()
        thread.join()
    assert [type(error) for error in errors] == [Closed]
    admitted(budget)


def test_what_is_granted_while_the_budget_is_closed_is_given_back() -> None:
    leases = SlowLeases(lease(1))
    budget = SharedBudget(leases, QUICK)
    thread, errors = in_thread(lambda: admitted(budget))
    leases.asked.wait()
    budget.close()
    leases.granted.set()
    thread.join()
    assert [type(error) for error in errors] == [Closed]
    assert leases.reports[-1] == [LeaseUse(lease(1), 0, 0)]
    assert leases.closes == 2


def test_whoever_prefers_nobody_uses_the_leases_that_others_preferred(clock: FixedClock) -> None:
    """Asking for more slots would be asking for those that this process holds itself."""
    leases = FakeLeases(lease(1, "a", slots=1), Wait(600.0, "b is drained"))
    budget = SharedBudget(leases, QUICK, clock)
    with budget.admit("core", identity="a") as first:
        assert first.identity == "a"
    with budget.admit("core", identity="b") as second:
        assert second.identity == "a"
    with budget.admit("core") as third:
        assert third.identity == "a"
    assert leases.wished == ["a", "b"]


def test_a_lease_that_still_fits_is_kept_while_another_identity_gets_one(clock: FixedClock) -> None:
    leases = FakeLeases(lease(1, "a"), lease(2, "b"))
    budget = SharedBudget(leases, QUICK, clock)
    for identity in ("a", "b", "a", "b", ""):
        with budget.admit("core", identity=identity) as admission:
            assert admission.identity == (identity or "a")
    assert leases.reports == [[], []]
    budget.close()
    assert sorted((use.lease.id, use.requests) for use in leases.reports[-1]) == [(1, 3), (2, 2)]
