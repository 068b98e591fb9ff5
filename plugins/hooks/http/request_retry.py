"""Retries of a request within one task: back-off for broken connections, waiting for limits.

Longer waits must not occupy a worker slot: `RateLimited` is raised, and the task's retry policy runs the
task again when the limit is reset.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Protocol

from tenacity import RetryCallState, Retrying, retry_if_exception

from core.clock import Clock
from core.errors import Closed, RateLimited, SourceUnavailable

TRIES = 5
FIRST_WAIT, LONGEST_WAIT = 2.0, 60.0
PATIENCE = 30.0
"""Seconds that one request may wait in the process."""


class Counter(Protocol):
    """Counts retries and seconds waited."""

    def add(self, *, retries: int = 0, waited: float = 0.0) -> None:
        """Add to the counts."""


def retrying(
    clock: Clock,
    traffic: Counter,
    tries: int | None = None,
    *,
    first_wait: float = FIRST_WAIT,
    patience: float = PATIENCE,
    sleep: Callable[[float], None] | None = None,
) -> Callable[..., Any]:
    """Return a function that calls another one, and repeats the call as long as that can help.

    :param sleep: waits, if something may end the wait earlier than the clock does.
    """

    def before_sleep(state: RetryCallState) -> None:
        traffic.add(retries=1, waited=state.upcoming_sleep)

    return Retrying(
        retry=retry_if_exception(may_pass),
        wait=lambda state: wait_for(state, first_wait),
        stop=lambda state: give_up(state, tries or TRIES, patience),
        sleep=sleep or clock.sleep,
        before_sleep=before_sleep,
        reraise=True,
    )


def may_pass(error: BaseException) -> bool:
    """Return whether the same call may succeed later."""
    return isinstance(error, RateLimited | SourceUnavailable) and not isinstance(error, Closed)


def wait_for(state: RetryCallState, first_wait: float = FIRST_WAIT) -> float:
    """Return the seconds until the next try: those that the source requests, else doubling with jitter."""
    error = state.outcome.exception() if state.outcome else None
    requested = getattr(error, "retry_after", None)
    if requested is not None and not getattr(error, "guessed", False):
        again = isinstance(error, RateLimited) and state.attempt_number > 1
        return max(float(requested), 1.0) if again else float(requested)
    longest: float = min(first_wait * 2 ** (state.attempt_number - 1), LONGEST_WAIT)
    return longest * random.uniform(0.5, 1.0)


def give_up(state: RetryCallState, tries: int, patience: float = PATIENCE) -> bool:
    """Return whether to stop: the next wait exceeds `patience` or, except for limits, no try is left."""
    error = state.outcome.exception() if state.outcome else None
    if getattr(error, "waited", False) or state.idle_for + state.upcoming_sleep > patience:
        return True
    return not isinstance(error, RateLimited) and state.attempt_number >= tries
