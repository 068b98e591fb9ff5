"""Who sent messages: the account of each sender, by name and address as posted. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import TypeAlias

from trackers.identity.api import Account, email_key, is_shared, name_key, without_via
from trackers.mailing_list.parse import Message
from trackers.mailing_list.tables import LONGEST_KEY, SENDERS

Posted: TypeAlias = "tuple[str, str]"
"""Name and address as messages show them."""


def senders_of(messages: Iterable[Message]) -> Mapping[Posted, Account]:
    """Return the senders of messages, each with the time of the first and of the last one."""
    sent: dict[Posted, list[datetime]] = {}
    for message in messages:
        times = sent.setdefault((message.sender_name, message.sender_address), [])
        if message.sent_at is not None:
            times.append(message.sent_at)
    return {
        (name, address): Account(
            sender_key(name, address),
            without_via(name),
            emails=(address,),
            seen_at=min(times, default=None),
            seen_until=max(times, default=None),
        )
        for (name, address), times in sent.items()
    }


@lru_cache(maxsize=4096)
def sender_key(name: str, address: str) -> str:
    """Return who this is: the address; a shared address with the name; else the name."""
    usable = email_key(address)
    if usable and not is_shared(address):
        return f"email:{usable}"[:LONGEST_KEY]
    shown = without_via(name)
    called = name_key(shown) or shown.casefold()
    if usable:
        return f"shared:{usable}:{called}"[:LONGEST_KEY]
    return f"name:{called or SENDERS.unnamed.casefold()}"[:LONGEST_KEY]
