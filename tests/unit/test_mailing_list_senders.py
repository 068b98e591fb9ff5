from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from trackers.identity.accounts import Sightings
from trackers.mailing_list.senders import sender_key, senders_of
from trackers.mailing_list.tables import SENDERS

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Sent:
    sender_name: str
    sender_address: str
    sent_at: datetime | None = None


def senders(*messages: Any) -> Any:
    return senders_of(messages)


@pytest.mark.parametrize(
    ("name", "address", "key"),
    [
        ("Jan", "jan.roe+x@example.org", "email:jan.roe@example.org"),
        ("J.", "Jan.Roe@Example.org", "email:jan.roe@example.org"),
        ("Jan Roe via Boost", "boost@lists.boost.org", "shared:boost@lists.boost.org:jan roe"),
        ("Jan Roe", "", "name:jan roe"),
        ("Roe, Jan", "nonsense", "name:jan roe"),
        ("", "", "name:unknown sender"),
        ("***", "", "name:***"),
    ],
)
def test_the_key_of_a_sender(name: str, address: str, key: str) -> None:
    assert sender_key(name, address) == key


def test_a_sender_is_one_account_seen_from_the_first_message_to_the_last() -> None:
    first, last = NOON - timedelta(days=9), NOON + timedelta(days=9)
    jan = ("Jan Roe via Boost", "jan@example.org")
    found = senders(Sent(*jan, NOON), Sent(*jan, last), Sent(*jan), Sent(*jan, first), Sent("", "", None))
    assert list(found) == [jan, ("", "")]
    assert (found[jan].name, found[jan].span) == ("Jan Roe", (first, last))
    assert found["", ""].span is None


def test_a_sender_is_called_by_the_first_name_else_the_address_else_unknown() -> None:
    messages = (
        Sent("Later", "x@example.org", NOON),
        Sent("Earlier", "x+old@example.org", NOON - timedelta(days=1)),
        Sent("", "someone@example.org", NOON),
        Sent("", ""),
    )
    accounts = Sightings(SENDERS, senders(*messages).values()).new_accounts(())
    assert [account["display_name"] for account in accounts] == ["someone", "Earlier", "Unknown Sender"]
