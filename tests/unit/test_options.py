from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from core.errors import ConfigurationError
from core.options import parse_args, resolve
from core.settings import Settings
from trackers.mailing_list.options import MailingListOptions
from trackers.mailing_list.settings import DEFAULT_LISTS

BOOST = "boost@lists.boost.org"


def options(
    form: dict[str, Any] | None = None, args: tuple[str, ...] = (), **environ: str
) -> MailingListOptions:
    return resolve(MailingListOptions, "mailing_list", form or {}, args, Settings(environ))


def test_the_form_overrides_args_settings_and_defaults() -> None:
    assert options().list_names == DEFAULT_LISTS
    assert options(BOOST_MAILING_LIST_NAMES="a@x.org").list_names == ("a@x.org",)
    args = ("--list-names", "b@x.org,c@x.org", "--full-scan")
    assert options(args=args, BOOST_MAILING_LIST_NAMES="a@x.org").list_names == ("b@x.org", "c@x.org")
    found = options({"mailing_list__list_names": ["d@x.org"], "mailing_list__full_scan": None}, args)
    assert (found.list_names, found.full_scan) == (("d@x.org",), True)
    assert options({"mailing_list__full_scan": False}, args).full_scan is False


def test_an_empty_field_counts_as_not_given() -> None:
    found = options({"since": "", "mailing_list__list_names": None})
    assert found.since is None
    assert not found.windowed


def test_the_flags_of_the_predecessor_are_accepted() -> None:
    args = ("--start-date", "2024-01-01", "--end-date", "2024-06-15", "--dry-run")
    found = options(args=args)
    assert found.since == datetime(2024, 1, 1, tzinfo=UTC)
    assert found.until == datetime(2024, 6, 15, 23, 59, 59, 999999, UTC)
    assert found.dry_run
    assert parse_args(MailingListOptions, ("--from-date", "2024-01-01")) == {"since": found.since}


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--nope",), "unrecognized arguments: --nope"),
        (("--limit", "many"), "param limit: invalid literal"),
        (("--limit", "0"), "param limit: must be at least 1"),
        (("--limit", str(10**30)), "param limit: must be at most 1,000,000,000"),
        (("--date-slack-days", "40000"), "param date_slack_days: must be at most 36,500"),
        (("--since", "yesterday"), "param since: not an ISO 8601"),
        (("--since", "0001-01-01"), "param since: must be between 1970 and 2200"),
        (("--until", "9999-12-31"), "param until: must be between 1970 and 2200"),
        (("--list-names", "nonsense"), "'nonsense' is not a list's address"),
        (("--dry",), "unrecognized arguments"),
    ],
)
def test_invalid_args_are_errors(args: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        options(args=args)


def test_options_are_shown_only_if_they_were_given() -> None:
    assert options().as_json() == {}
    assert options({"since": "2024-01-01T00:00:00+02:00", "limit": 3}).as_json() == {
        "since": "2023-12-31T22:00:00Z",
        "limit": 3,
    }
