"""The retry policy of all tasks: which failures are retried, when, and which fail at once."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import RetryPolicy
from airflow.sdk.definitions.retry_policy import RetryDecision

from core.errors import CollectorBusy, CollectorFailureCategory, Stopped, classify_failure
from core.errors.tree import LONGEST_WAIT

if TYPE_CHECKING:
    from airflow.sdk import Context

RETRIES = 24
"""High enough for the longest series of rate limits, because the policy can only fail a task earlier."""
RETRY_DELAY = timedelta(minutes=1)
"""Used where Airflow does not consult the policy: killed tasks and lost workers."""
TRANSIENT_TRIES = 5
BASE_DELAY_SECONDS = 10.0
MAX_DELAY_SECONDS = 600.0
FAIL_AT_ONCE = {
    CollectorFailureCategory.AUTH: "the source refuses our credentials",
    CollectorFailureCategory.PERMISSION: "a permission or scope is missing",
    CollectorFailureCategory.VALIDATION: "the source's answer is not in the documented form",
    CollectorFailureCategory.COMMAND: "a param, a setting or a Connection is wrong",
}


class CollectorRetryPolicy(RetryPolicy):
    """Decides by a failure's category and by how many consecutive tries had it."""

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,
        context: Context | None = None,
    ) -> RetryDecision:
        """Return when to try again, or that another try cannot help."""
        if isinstance(exception, Stopped):
            return RetryDecision.retry(timedelta(seconds=1), "stopped from outside; continues where it was")
        if isinstance(exception, CollectorBusy):
            return RetryDecision.retry(timedelta(minutes=1), "another task holds the lock")
        category = classify_failure(exception)
        if category in FAIL_AT_ONCE:
            return RetryDecision.fail(f"{category}: {FAIL_AT_ONCE[category]}; a retry cannot help")
        in_a_row = getattr(exception, "failures_in_a_row", None) or _tries_since_clear(
            try_number, max_tries, context
        )
        return _transient(category, in_a_row, getattr(exception, "retry_after", None))


def default_args() -> dict[str, Any]:
    """Return the arguments that the tasks of all our DAGs share."""
    return {
        "owner": "collectors",
        "retries": RETRIES,
        "retry_delay": RETRY_DELAY,
        "retry_policy": CollectorRetryPolicy(),
    }


def _transient(category: CollectorFailureCategory, in_a_row: int, retry_after: float | None) -> RetryDecision:
    if category is CollectorFailureCategory.RATE_LIMIT:
        wait, shortened = _believed(60.0 if retry_after is None else retry_after)
        return RetryDecision.retry(
            timedelta(seconds=wait + 1), f"rate_limit: when the limit is reset{shortened}"
        )
    if category in (CollectorFailureCategory.NETWORK, CollectorFailureCategory.TIMEOUT):
        if in_a_row > TRANSIENT_TRIES:
            return RetryDecision.fail(f"{category}: failed {in_a_row} times in a row")
        seconds = min(BASE_DELAY_SECONDS * 2 ** (in_a_row - 1), MAX_DELAY_SECONDS)
        wait, shortened = _believed(retry_after or 0.0)
        return RetryDecision.retry(
            timedelta(seconds=max(seconds, wait)),
            f"{category}: back-off, {in_a_row} of {TRANSIENT_TRIES}{shortened}",
        )
    if in_a_row > 1:
        return RetryDecision.fail("unknown: failed again after one retry")
    return RetryDecision.retry(timedelta(seconds=BASE_DELAY_SECONDS), "unknown: retried once")


def _believed(retry_after: float) -> tuple[float, str]:
    """Return how long to wait and, if that is less than the source asked for, a note that says so."""
    if 0 <= retry_after < LONGEST_WAIT:
        return retry_after, ""
    if retry_after < 0:
        return 0.0, ""
    return LONGEST_WAIT, "; the source asked for a day or longer, which is not believed beyond a day"


def _tries_since_clear(try_number: int, max_tries: int, context: Any) -> int:
    """Count tries since the last clear, at which Airflow raises `max_tries` but keeps `try_number`."""
    retries = getattr(context.get("task"), "retries", None) if context else None
    return max(1, try_number - (max_tries - retries)) if retries is not None else max(1, try_number)
