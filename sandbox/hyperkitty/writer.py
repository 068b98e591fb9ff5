"""The community's mails as entries of an archive, with hashes and threads. Bodies are written when read."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from sandbox.community import prose
from sandbox.community.mail import FARTHEST_PARENT, Mail, Mails, message_hash_of
from sandbox.community.people import PEOPLE
from sandbox.hyperkitty.archive import Attachment, Entry


@dataclass
class MailWriter:
    """Writes an endless sequence of messages to one list."""

    seed: int
    list_name: str
    people: int = PEOPLE

    def __iter__(self) -> Iterator[Entry]:
        mails = Mails(self.seed, self.list_name, self.people)
        recent: deque[Entry] = deque(maxlen=FARTHEST_PARENT)
        number = 0
        while True:
            mail = mails.mail(number)
            entry = _entry(mail, None if mail.parent is None else recent[mail.parent - number])
            recent.append(entry)
            yield entry
            number += 1


def _entry(mail: Mail, parent: Entry | None) -> Entry:
    message_hash = message_hash_of(mail.message_id)
    return Entry(
        message_id=mail.message_id,
        message_hash=message_hash,
        thread_hash=parent.thread_hash if parent else message_hash,
        parent_hash=parent.message_hash if parent else None,
        subject=_subject(mail, parent),
        sender_name=mail.sender_name,
        sender_address=mail.sender_address,
        mailman_id=f"{Random(mail.author.number).getrandbits(128):032x}" if mail.subscribed else None,
        date=mail.date,
        archived_at=mail.archived_at,
        attachments=_attachments(mail),
    )


def _subject(mail: Mail, parent: Entry | None) -> str:
    if parent is not None:
        return parent.subject if parent.subject.startswith("Re: ") else f"Re: {parent.subject}"
    return mail.subject or ""


def _attachments(mail: Mail) -> tuple[Attachment, ...]:
    if mail.attached is None:
        return ()
    return (Attachment("test_case.cpp", "text/x-c++src", "utf-8", mail.attached),)


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
