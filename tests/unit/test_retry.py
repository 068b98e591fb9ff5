from __future__ import annotations

from datetime import timedelta

import pytest
from airflow.sdk.definitions.retry_policy import RetryAction, RetryDecision

from core.errors import (
    AuthenticationError,
    CollectorBusy,
    CollectorError,
    ConfigurationError,
    RateLimited,
    SourceUnavailable,
    Stopped,
    UnexpectedPayload,
)
from core.retry import CollectorRetryPolicy


def decide(error: BaseException, in_a_row: int | None = None, try_number: int = 1) -> RetryDecision:
    if in_a_row is not None:
        error.failures_in_a_row = in_a_row  # type: ignore[attr-defined]
    return CollectorRetryPolicy().evaluate(error, try_number, 24)


@pytest.mark.parametrize(
    "error",
    [
        AuthenticationError("x"),
        ConfigurationError("x"),
        UnexpectedPayload("x", source="s", identifier="i"),
        PermissionError("x"),
        ValueError("x"),
    ],
)
def test_permanent_errors_fail_at_once(error: Exception) -> None:
    assert decide(error).action is RetryAction.FAIL


def test_a_rate_limit_is_retried_after_its_time() -> None:
    decision = decide(RateLimited("x", retry_after=120), in_a_row=20)
    assert decision.action is RetryAction.RETRY
    assert decision.retry_delay == timedelta(seconds=121)


@pytest.mark.parametrize("error", [RateLimited, SourceUnavailable])
@pytest.mark.parametrize("asked", [1e9, 1e300, float("inf"), -5.0])
def test_no_source_parks_a_task_for_longer_than_a_day(error: type[CollectorError], asked: float) -> None:
    decision = decide(error("x", retry_after=asked), in_a_row=1)
    assert decision.action is RetryAction.RETRY
    assert decision.retry_delay is not None
    assert timedelta(0) < decision.retry_delay <= timedelta(days=1, seconds=1)
    assert ("not believed" in str(decision.reason)) == (asked > 86_400)


@pytest.mark.parametrize(("in_a_row", "seconds"), [(1, 10), (2, 20), (5, 160)])
def test_network_errors_are_retried_with_growing_pauses(in_a_row: int, seconds: int) -> None:
    assert decide(SourceUnavailable("x"), in_a_row).retry_delay == timedelta(seconds=seconds)


def test_network_errors_fail_after_five_retries() -> None:
    assert decide(SourceUnavailable("x"), 6).action is RetryAction.FAIL


def test_unknown_errors_are_retried_once() -> None:
    assert decide(CollectorError("x"), 1).action is RetryAction.RETRY
    assert decide(CollectorError("x"), 2).action is RetryAction.FAIL


def test_a_busy_collector_is_retried_every_minute_and_a_stopped_one_at_once() -> None:
    assert decide(CollectorBusy("x"), try_number=20).retry_delay == timedelta(minutes=1)
    assert decide(Stopped("x")).retry_delay == timedelta(seconds=1)


def test_without_a_count_tries_are_counted_from_the_last_clear() -> None:
    class Task:
        retries = 24

    # Cleared after try 7: Airflow set max_tries to 7 + 24.
    decision = CollectorRetryPolicy().evaluate(RuntimeError("x"), 8, 31, {"task": Task()})  # type: ignore[arg-type]
    assert decision.action is RetryAction.RETRY
    decision = CollectorRetryPolicy().evaluate(RuntimeError("x"), 9, 31, {"task": Task()})  # type: ignore[arg-type]
    assert decision.action is RetryAction.FAIL
