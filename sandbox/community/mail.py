"""The mailing lists of the community, and the mails that its people send to them."""

from __future__ import annotations

import hashlib
from base64 import b32encode
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from random import Random
from typing import NamedTuple

from sandbox.community import prose
from sandbox.community.clock import START
from sandbox.community.people import Person, somebody
from sandbox.community.places import Place

VERSION = 1
"""Raise it when the generated lists change; a test compares a digest of them."""
EVERY = timedelta(minutes=110)
REPLY_SHARE = 0.68
FARTHEST_PARENT = 61


@dataclass(frozen=True, kw_only=True)
class MailingList(Place):
    """A mailing list.

    :param share: its messages among each `CYCLE` messages of all lists.
    """

    platform: str = "mailing_list"
    label: str
    share: int


LISTS = {
    name: MailingList(name=name, label=label, share=share)
    for name, label, share in (
        ("boost-announce@lists.boost.org", "Boost Announce", 1),
        ("boost-users@lists.boost.org", "Boost Users", 7),
        ("boost@lists.boost.org", "Boost", 12),
    )
}
CYCLE = sum(found.share for found in LISTS.values())


def _order() -> Iterable[str]:
    """Yield the lists in the order in which they get the messages of a cycle, evenly mixed."""
    given = dict.fromkeys(LISTS, 0)
    for number in range(1, CYCLE + 1):
        name = max(LISTS, key=lambda name: LISTS[name].share * number - given[name] * CYCLE)
        given[name] += 1
        yield name


ORDER = tuple(_order())
_WITHIN = {name: (0, *accumulate(int(each == name) for each in ORDER)) for name in LISTS}


def received(list_name: str, total: int) -> int:
    """Return how many of the first `total` messages on all lists went to this one."""
    cycles, rest = divmod(total, CYCLE)
    return cycles * LISTS[list_name].share + _WITHIN[list_name][rest]


def message_hash_of(message_id: str) -> str:
    """Compute Mailman's X-Message-ID-Hash."""
    return b32encode(hashlib.sha1(message_id.encode(), usedforsecurity=False).digest()).decode()


class Mail(NamedTuple):
    """A mail as its list received it.

    :param parent: the number of the mail that it answers.
    :param subject: None for a reply, which has its parent's.
    :param subscribed: whether the sender has an account on the list server.
    :param attached: the size of its attachment, if it has one.
    """

    message_id: str
    author: Person
    sender_name: str
    sender_address: str
    parent: int | None
    subject: str | None
    subscribed: bool
    date: datetime
    archived_at: datetime
    attached: int | None


@dataclass(frozen=True)
class Mails:
    """The mails to one list, in the order of their arrival. Each is found by its number, from 0."""

    seed: int
    list_name: str
    people: int

    def mail(self, number: int) -> Mail:
        """Write the mail with this number."""
        rng = Random(f"{self.seed}/mailing_list/{self.list_name}/{number}")
        author = somebody(rng, self.seed, self.people)
        archived = START + EVERY * number + timedelta(seconds=rng.randint(0, 3000))
        parent = _parent(rng, number)
        name, address = self._sender(rng, author)
        subject = _subject(rng) if parent is None else None
        return Mail(
            message_id=self.message_id(number),
            author=author,
            sender_name=name,
            sender_address=address,
            parent=parent,
            subject=subject,
            subscribed=rng.random() < 0.8,
            date=_date(rng, archived),
            archived_at=archived,
            attached=None if rng.random() > 0.03 else rng.randint(200, 4000),
        )

    def message_id(self, number: int) -> str:
        """About one in fifty posts to the users' list also went to the developers' list: same Message-ID."""
        cross_posted = self.list_name.startswith("boost-users") and number % 53 == 17
        list_name = "boost@lists.boost.org" if cross_posted else self.list_name
        rng = Random(f"{self.seed}/mailing_list/{list_name}/{number}/id")
        return f"{rng.getrandbits(64):016x}.{number}@{rng.choice(('mail.example.org', 'lists.example.net'))}"

    def thread_starter(self, number: int) -> Mail:
        """Return the mail that began the thread of this one."""
        mail = self.mail(number)
        while mail.parent is not None:
            mail = self.mail(mail.parent)
        return mail

    def _sender(self, rng: Random, author: Person) -> tuple[str, str]:
        name = rng.choice(author.mail_names) if rng.random() < 0.2 else author.mail_names[0]
        address = rng.choice(author.addresses)
        awkward = rng.random()
        if awkward < 0.01:
            return "", address
        if awkward < 0.05:
            return f"{name} via Boost", self.list_name
        return name, address


def _parent(rng: Random, number: int) -> int | None:
    if not number or rng.random() > REPLY_SHARE:
        return None
    return number - 1 - min(int(rng.expovariate(1 / 6)), min(number, FARTHEST_PARENT) - 1)


def _subject(rng: Random) -> str:
    if rng.random() < 0.01:
        return "=?utf-8?q?Gr=C3=BC=C3=9Fe_aus_Z=C3=BCrich?="
    return prose.subject(rng)


def _date(rng: Random, archived: datetime) -> datetime:
    """Usually minutes before archiving; some clocks are wrong, some messages waited for moderation."""
    awkward = rng.random()
    if awkward < 0.003:
        return datetime(1970, 1, 1, tzinfo=UTC)
    if awkward < 0.005:
        return datetime(2070, 6, 1, 12, 0, tzinfo=UTC)
    if awkward < 0.015:
        return archived - timedelta(days=rng.randint(200, 4000))
    if awkward < 0.025:
        return archived + timedelta(hours=rng.randint(1, 12))
    return archived - timedelta(seconds=rng.randint(2, 900))
