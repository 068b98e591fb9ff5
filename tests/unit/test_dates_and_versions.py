from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import boost_version as bv
from core.dates import (
    CANONICAL_INSTANT,
    format_instant_iso_z,
    iso_z,
    parse_lenient,
    parse_strict,
    parse_until,
)


def test_reading_instants() -> None:
    assert parse_strict("2024-01-01") == datetime(2024, 1, 1, tzinfo=UTC)
    assert parse_strict("2024-01-01T00:00:00+05:00") == datetime(2023, 12, 31, 19, tzinfo=UTC)
    assert parse_strict(" ") is None
    assert parse_lenient("not-a-date") is None
    with pytest.raises(ValueError, match="not-a-date"):
        parse_strict("not-a-date")


def test_an_upper_bound_without_time_includes_its_day() -> None:
    assert parse_until("2024-06-15") == datetime(2024, 6, 15, 23, 59, 59, 999999, UTC)
    assert parse_until("2024-06-15T12:00:00Z") == datetime(2024, 6, 15, 12, tzinfo=UTC)
    with pytest.raises(ValueError, match="2024-13-40"):
        parse_until("2024-13-40")


def test_writing_instants() -> None:
    assert format_instant_iso_z("2024-01-01T00:00:00+05:00") == "2023-12-31T19:00:00Z"
    assert format_instant_iso_z(" not-a-date ") == "not-a-date"
    assert format_instant_iso_z(None) == ""


@given(st.datetimes(timezones=st.timezones()))
def test_every_instant_survives_writing_and_reading(moment: datetime) -> None:
    try:
        written = iso_z(moment)
    except OverflowError:
        return
    assert CANONICAL_INSTANT.match(written)
    assert parse_strict(written) == moment.astimezone(UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.86.0", (1, 86, 0)),
        ("boost-1.86.0", (1, 86, 0)),
        ("1_86_0", (1, 86, 0)),
        ("Boost_1_86", (1, 86, 0)),
        ("1", (1, 0, 0)),
        ("1.86.0.1", (1, 86, 0)),
        ("1.86.0-beta1", None),
        ("1.1000.0", None),
        ("1.0.100", None),
        ("-1.0.0", None),
        (".1.0", None),
    ],
)
def test_strict_versions(text: str, expected: bv.Version | None) -> None:
    assert bv.parse(text) == expected


def test_packing() -> None:
    assert bv.encode("boost-1.10.0") == 101000
    assert bv.encode("1_56_0") == 105600
    with pytest.raises(ValueError, match="Boost version"):
        bv.pack((1, 1000, 0))
    with pytest.raises(ValueError, match="negative"):
        bv.unpack(-1)


@given(st.tuples(st.integers(0, 999), st.integers(0, 999), st.integers(0, 99)))
def test_unpacking_inverts_packing(version: bv.Version) -> None:
    assert bv.unpack(bv.pack(version)) == version


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (0, 0, 0)),
        ("1.82.x", (1, 82, 0)),
        ("release-2.1.9-extra", (2, 1, 9)),
        ("1_86_0", (1, 86, 0)),
        ("1.86.0-beta1", (1, 86, 0)),
    ],
)
def test_loose_versions(text: str, expected: bv.Version) -> None:
    assert bv.loose(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1.82", "1.82.0"), ("0.99", None), ("boost-1.2.3", "1.2.3"), ("develop", None), ("", None)],
)
def test_normalising(text: str, expected: str | None) -> None:
    assert bv.normalise(text) == expected


def test_comparing() -> None:
    assert bv.compare("1.0", "2.0") == -1
    assert bv.compare("1.82.x", "1.81.0") == 1
    assert bv.compare((1, 2, 3), bv.pack((1, 2, 3))) == 0


def test_stable_tags() -> None:
    assert bv.stable_tag("boost-1.90.0") == "boost-1.90.0"
    assert bv.stable_tag("boost-1.90.0-beta") is None
    assert bv.stable_tag("boost-1.16.0", (1, 16, 1)) is None
