"""Single failures are tolerated; several in a row mean that the source is down."""

from __future__ import annotations

import pytest

from core.errors import BrokenOff, SourceUnavailable
from core.outage import OutageBreaker


def test_the_third_failure_in_a_row_is_raised() -> None:
    breaker = OutageBreaker()
    for _ in range(2):
        breaker.failed(SourceUnavailable("down"))
    with pytest.raises(SourceUnavailable, match="down"):
        breaker.failed(SourceUnavailable("down"))


def test_a_success_starts_the_count_over() -> None:
    breaker = OutageBreaker()
    for _ in range(5):
        breaker.failed(SourceUnavailable("down"))
        breaker.succeeded()


def test_an_answer_that_broke_off_counts_but_does_not_stop() -> None:
    breaker = OutageBreaker()
    for _ in range(4):
        breaker.failed(BrokenOff("half"))
    with pytest.raises(SourceUnavailable, match="down"):
        breaker.failed(SourceUnavailable("down"))
