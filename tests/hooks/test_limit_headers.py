"""What answers say about limits."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime

import pytest
from requests.structures import CaseInsensitiveDict

from core.budget import LimitReport, QuotaReport
from core.clock import FixedClock
from hooks.http.bucket_headers import BucketHeaders
from hooks.http.limit_headers import RateLimitHeaders


@pytest.mark.parametrize(
    ("status", "headers", "body", "refused", "wait"),
    [
        (200, {"X-RateLimit-Remaining": "0"}, b"", False, None),
        (403, {}, b'{"message": "Must have admin rights"}', False, None),
        (403, {}, b'{"message": "You have exceeded a secondary rate limit."}', True, None),
        (403, {}, b'{"message": "You have triggered an abuse detection mechanism."}', True, None),
        (403, {"Retry-After": "7"}, b"", True, 7),
        (429, {}, b"", True, None),
        (429, {"Retry-After": "nonsense"}, b"", True, None),
        (429, {"Retry-After": "inf"}, b"", True, None),
        (429, {"Retry-After": "1e300"}, b"", True, 86_400),
        (429, {"Retry-After": "-5"}, b"", True, 0),
        (429, {"Retry-After": "Thu, 15 Jan 2026 12:01:00 GMT"}, b"", True, 60),
        (429, {}, b'{"retry_after": 0.5}', True, 0.5),
        (429, {}, b"[" * 9_999, True, None),
        (429, {"Retry-After": "Mon, 01 Jan 2020 00:00:00 +99999999999999999999"}, b"", True, None),
    ],
)
def test_what_an_answer_says_about_limits(
    clock: FixedClock, status: int, headers: dict[str, str], body: bytes, refused: bool, wait: float | None
) -> None:
    report = RateLimitHeaders(clock).read(status, headers, body)
    assert (report.refused, report.wait) == (refused, wait)


def test_an_exhausted_quota_is_waited_for_until_its_reset_and_no_longer_than_a_day(clock: FixedClock) -> None:
    def read(reset: float) -> LimitReport:
        at = str(clock.now().timestamp() + reset)
        headers = {"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": at}
        return RateLimitHeaders(clock).read(403, headers, b"")

    assert read(600).wait == pytest.approx(600)
    assert read(-5).wait == 0
    assert read(1e9).wait == 86_400
    assert read(1e15).wait is None


YEARS = timedelta(days=3 * 365)


@pytest.mark.parametrize("behind", [-YEARS, YEARS])
def test_times_are_those_of_the_source_however_wrong_our_clock_is(
    clock: FixedClock, behind: timedelta
) -> None:
    answered_at = clock.now() + behind
    date = {"Date": format_datetime(answered_at, usegmt=True)}
    reset = {"X-RateLimit-Reset": str(answered_at.timestamp() + 600)}
    figures = date | reset | {"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "0"}
    report = RateLimitHeaders(clock).read(403, CaseInsensitiveDict(figures), b"")
    assert report.wait == 600
    assert report.quota == QuotaReport(60, 0, answered_at + timedelta(seconds=600), answered_at=answered_at)
    after = date | {"Retry-After": format_datetime(answered_at + timedelta(seconds=7), usegmt=True)}
    assert RateLimitHeaders(clock).read(429, after, b"").wait == 7
    assert BucketHeaders(clock).read(429, after | {"Via": "x"}, b"").wait == 7


@pytest.mark.parametrize(
    "date",
    ["", "yesterday", "Mon, 01 Jan 2020 00:00:00 +99999999999999999999", "Mon, 99 Jan 2026 12:00:00 GMT"],
)
def test_without_a_date_that_can_be_read_our_clock_counts(clock: FixedClock, date: str) -> None:
    headers = {"Date": date, "Retry-After": "Thu, 15 Jan 2026 12:01:00 GMT"}
    assert RateLimitHeaders(clock).read(429, headers, b"").wait == 60
    reset = str(clock.now().timestamp() + 600)
    figures = {"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}
    report = RateLimitHeaders(clock).read(403, figures | {"Date": date}, b"")
    assert report.wait == 600
    assert report.quota is not None
    assert report.quota.answered_at is None


def test_an_unchanged_answer_costs_nothing(clock: FixedClock) -> None:
    assert RateLimitHeaders(clock).read(304, {}, b"").cost == 0
    assert RateLimitHeaders(clock).read(200, {}, b"").cost is None


@pytest.mark.parametrize(
    ("quota", "remaining"), [("0", "0"), ("-1", "5"), ("99999999999", "5"), ("60", "-3"), ("x", "1")]
)
def test_impossible_figures_of_a_quota_are_ignored(clock: FixedClock, quota: str, remaining: str) -> None:
    headers = {
        "X-RateLimit-Limit": quota,
        "X-RateLimit-Remaining": remaining,
        "X-RateLimit-Reset": "2000000000",
    }
    assert RateLimitHeaders(clock).read(200, headers, b"").quota is None


@pytest.mark.parametrize(
    ("headers", "is_read"),
    [
        ({}, True),
        ({"Age": "0"}, True),
        ({"Age": "4200"}, False),
        ({"Date": "Fri, 31 Dec 9999 23:59:59 GMT"}, False),
    ],
)
def test_figures_out_of_a_cache_or_of_an_impossible_time_are_not_ours(
    headers: dict[str, str], is_read: bool
) -> None:
    shown = {"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "9", "X-RateLimit-Reset": "1750000000"}
    assert (RateLimitHeaders().quota(shown | headers) is not None) == is_read
