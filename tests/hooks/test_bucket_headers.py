"""What answers say about the limits that they name."""

from __future__ import annotations

import pytest

from core.budget import BucketReport
from core.clock import FixedClock
from hooks.http.bucket_headers import BucketHeaders

NAMED = {
    "X-RateLimit-Bucket": "abcd1234",
    "X-RateLimit-Limit": "5",
    "X-RateLimit-Remaining": "4",
    "X-RateLimit-Reset": "1470173023.123",
    "X-RateLimit-Reset-After": "64.57",
}


def test_an_answer_names_its_bucket(clock: FixedClock) -> None:
    report = BucketHeaders(clock).read(200, NAMED, b"")
    assert report.bucket == BucketReport("abcd1234", 5, 4, 64.57, 1470173023.123)
    assert (report.refused, report.wait, report.quota) == (False, None, None)


@pytest.mark.parametrize(
    "changed",
    [
        {"Bucket": ""},
        {"Limit": "0"},
        {"Limit": "nan"},
        {"Remaining": "-1"},
        {"Remaining": "x"},
        {"Reset-After": "inf"},
    ],
)
def test_what_no_source_can_mean_is_ignored(clock: FixedClock, changed: dict[str, str]) -> None:
    headers = NAMED | {f"X-RateLimit-{name}": value for name, value in changed.items()}
    assert BucketHeaders(clock).read(200, headers, b"").bucket is None


@pytest.mark.parametrize(
    ("headers", "body", "wait", "scope"),
    [
        ({"Retry-After": "65"}, b'{"retry_after": 64.57, "global": true}', 65, "global"),
        ({"Retry-After": "64"}, b'{"retry_after": 64.57, "global": false}', 64.57, "user"),
        ({"X-RateLimit-Scope": "shared"}, b'{"retry_after": 3, "global": false}', 3, "shared"),
        ({"X-RateLimit-Global": "true", "Via": "1.1 google"}, b"", None, "global"),
        ({"Via": "1.1 google", "Retry-After": "7"}, b"busy", 7, "user"),
        ({"Retry-After": "7"}, b"<html>error 1015", 60, "address"),
        ({"Retry-After": "3600"}, b"<html>error 1015", 3600, "address"),
        ({}, b"", 60, "address"),
        ({}, b'{"message": "slow down"}', None, "user"),
    ],
)
def test_a_refusal_says_how_long_and_whom_it_concerns(
    clock: FixedClock, headers: dict[str, str], body: bytes, wait: float | None, scope: str
) -> None:
    report = BucketHeaders(clock).read(429, headers, body)
    assert report.bucket is not None
    assert (report.refused, report.wait, report.bucket.scope) == (True, wait, scope)
