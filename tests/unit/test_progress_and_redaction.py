from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import capture_logs

from core.clock import FixedClock
from core.progress import UNITS_COUNTED, Progress, counted, duration
from core.redaction import redact, redact_addresses


def test_progress_is_logged_every_ten_seconds_with_rate_and_time_left() -> None:
    clock = FixedClock()
    seen: list[dict[str, int]] = []
    with capture_logs() as logs:
        progress = Progress(
            clock=clock, on_line=lambda counts: seen.append(dict(counts)), requests=lambda: 12
        )
        boost = progress.unit("boost", total=1000)
        for _ in range(25):
            clock.sleep(1)
            boost.count("new", 10)
            boost.advance(10)
    lines: list[Any] = [entry["event"] for entry in logs]
    assert lines == [
        "boost: 100 of 1,000, 10/s, 12 requests, about 1 min 30 s left",
        "boost: 200 of 1,000, 10/s, 12 requests, about 1 min 20 s left",
    ]
    assert seen[-1] == {"new": 200, "boost/new": 200}
    assert boost.counts == {"new": 250}


@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize(("units", "single"), [(UNITS_COUNTED, UNITS_COUNTED), (UNITS_COUNTED + 1, 0)])
def test_single_units_are_counted_only_while_they_are_few(units: int, single: int, announced: bool) -> None:
    progress = Progress()
    if announced:
        progress.expect_units(units, "lists")
    for number in range(units):
        unit = progress.unit(f"list{number}")
        unit.count("new", 2)
        unit.count("pages")
    assert sum("/" in name for name in progress.counts) == 2 * single
    assert (progress.counts["new"], progress.counts["pages"]) == (2 * units, units)
    assert unit.summary() == "2 new, 1 page"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (42.6, "42 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("number", "name", "text"),
    [
        (1, "pages", "1 page"),
        (0, "pages", "0 pages"),
        (2000, "new", "2,000 new"),
        (1, "files_written", "1 file written"),
        (1, "previous", "1 previous"),
        (2, "unchanged_listings", "2 unchanged listings"),
    ],
)
def test_counts_in_words(number: int, name: str, text: str) -> None:
    assert counted(number, name) == text


def test_a_summary_starts_with_the_chosen_counts_and_omits_single_units() -> None:
    progress = Progress()
    progress.shown_first = ("new", "pages")
    counts = {"boost/pages": 4, "known": 7, "pages": 1, "failed": 2}
    assert progress.summary(counts) == "0 new, 1 page, 2 failed, 7 known"


def test_secrets_and_addresses_are_redacted() -> None:
    assert redact("https://u:p@h/x?token=abc&a=1 Bearer hush-hush", ("hush-hush",)) == (
        "https://***@h/x?token=***&a=1 Bearer ***"
    )
    kept = frozenset({"boost@lists.boost.org"})
    assert (
        redact_addresses("jan@example.org to boost@lists.boost.org", kept) == "*** to boost@lists.boost.org"
    )
