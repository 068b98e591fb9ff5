"""The messages that the community wrote to each mailing list, in the order in which they were archived."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from sandbox.community import prose
from sandbox.community.people import Person, somebody
from sandbox.hyperkitty.archive import Attachment, Entry, message_hash_of

VERSION = 1
"""Raise it when the generated lists change; a test compares a digest of them."""
LISTS = {
    "boost-announce@lists.boost.org": ("Boost Announce", 0.05),
    "boost-users@lists.boost.org": ("Boost Users", 0.35),
    "boost@lists.boost.org": ("Boost", 0.6),
}
START = datetime(2024, 1, 1, tzinfo=UTC)
EVERY = timedelta(minutes=110)
REPLY_SHARE = 0.68


@dataclass
class MailWriter:
    """Writes an endless sequence of messages to one list."""

    seed: int
    list_name: str
    people: int = 400

    def __post_init__(self) -> None:
        self._recent: list[Entry] = []

    def __iter__(self) -> Iterator[Entry]:
        number = 0
        while True:
            yield self.write(number)
            number += 1

    def write(self, number: int) -> Entry:
        """Write the next message; numbers must be consecutive, since a reply needs an earlier message."""
        rng = Random(f"{self.seed}/mailing_list/{self.list_name}/{number}")
        author = somebody(rng, self.seed, self.people)
        archived = START + EVERY * number + timedelta(seconds=rng.randint(0, 3000))
        parent = self._parent(rng)
        message_id = self._message_id(number)
        message_hash = message_hash_of(message_id)
        name, address = self._sender(rng, author)
        entry = Entry(
            message_id=message_id,
            message_hash=message_hash,
            thread_hash=parent.thread_hash if parent else message_hash,
            parent_hash=parent.message_hash if parent else None,
            subject=self._subject(rng, parent),
            sender_name=name,
            sender_address=address,
            mailman_id=f"{Random(author.number).getrandbits(128):032x}" if rng.random() < 0.8 else None,
            date=self._date(rng, archived),
            archived_at=archived,
            attachments=self._attachments(rng),
        )
        self._recent = [*self._recent[-60:], entry]
        return entry

    def _message_id(self, number: int) -> str:
        """About one in fifty posts to the users' list also went to the developers' list: same Message-ID."""
        if self.list_name.startswith("boost-users") and number % 53 == 17:
            return MailWriter(self.seed, "boost@lists.boost.org", self.people).own_id(number)
        return self.own_id(number)

    def own_id(self, number: int) -> str:
        """Return the Message-ID of a message that was sent to this list first."""
        own = Random(f"{self.seed}/mailing_list/{self.list_name}/{number}/id")
        return f"{own.getrandbits(64):016x}.{number}@{own.choice(('mail.example.org', 'lists.example.net'))}"

    def _parent(self, rng: Random) -> Entry | None:
        if not self._recent or rng.random() > REPLY_SHARE:
            return None
        back = min(int(rng.expovariate(1 / 6)), len(self._recent) - 1)
        return self._recent[-1 - back]

    def _sender(self, rng: Random, author: Person) -> tuple[str, str]:
        name = rng.choice(author.mail_names) if rng.random() < 0.2 else author.mail_names[0]
        address = rng.choice(author.addresses)
        awkward = rng.random()
        if awkward < 0.01:
            return "", address
        if awkward < 0.05:
            return f"{name} via Boost", self.list_name
        return name, address

    def _subject(self, rng: Random, parent: Entry | None) -> str:
        if parent is not None:
            return parent.subject if parent.subject.startswith("Re: ") else f"Re: {parent.subject}"
        if rng.random() < 0.01:
            return "=?utf-8?q?Gr=C3=BC=C3=9Fe_aus_Z=C3=BCrich?="
        return prose.subject(rng)

    @staticmethod
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

    @staticmethod
    def _attachments(rng: Random) -> tuple[Attachment, ...]:
        if rng.random() > 0.03:
            return ()
        return (Attachment("test_case.cpp", "text/x-c++src", "utf-8", rng.randint(200, 4000)),)


def body_of(seed: int, entry: Entry) -> str:
    """Write the body of a message."""
    rng = Random(f"{seed}/body/{entry.message_id}")
    if rng.random() < 0.01:
        return ""
    parts = [prose.paragraphs(rng)]
    if entry.parent_hash:
        quoted = "\n".join(f"> {line}" for line in prose.paragraphs(rng, 1, 1).splitlines())
        parts.insert(0, f"On {entry.date:%a, %b %d, %Y} somebody wrote:\n{quoted}")
    if rng.random() < 0.2:
        parts.append(prose.code(rng))
    parts.append(f"-- \n{entry.sender_name or 'me'}")
    return "\n\n".join(parts) + "\n"
