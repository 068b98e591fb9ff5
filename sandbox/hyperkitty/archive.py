"""The lists of an archive: messages in the order of archiving, and what happens to them."""

from __future__ import annotations

import hashlib
from base64 import b32encode
from bisect import insort
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from threading import RLock


def message_hash_of(message_id: str) -> str:
    """Compute what Mailman calls X-Message-ID-Hash."""
    return b32encode(hashlib.sha1(message_id.encode(), usedforsecurity=False).digest()).decode()


@dataclass(frozen=True)
class Attachment:
    """A file that came with a message."""

    name: str
    content_type: str
    encoding: str | None
    size: int


@dataclass(slots=True)
class Entry:
    """An archived message. `archived_at` orders the index, but no answer shows it."""

    message_id: str
    message_hash: str
    thread_hash: str
    parent_hash: str | None
    subject: str
    sender_name: str | None
    sender_address: str
    mailman_id: str | None
    date: datetime
    archived_at: datetime
    text: str | None = None
    attachments: tuple[Attachment, ...] = ()

    def __lt__(self, other: Entry) -> bool:
        return self.archived_at < other.archived_at


@dataclass
class MailList:
    """One list: what is archived, and what will be written next."""

    name: str
    display_name: str = ""
    description: str = ""
    coming: Iterator[Entry] = field(default_factory=lambda: iter(()))
    body_of: Callable[[Entry], str] = lambda entry: ""
    entries: list[Entry] = field(default_factory=list)
    by_hash: dict[str, Entry] = field(default_factory=dict)
    created_at: datetime = datetime(2024, 1, 1, tzinfo=UTC)

    def __post_init__(self) -> None:
        self.children: dict[str, list[str]] = {}
        self.lock = RLock()

    def advance(self, number: int) -> int:
        """Let the next messages arrive; return how many there were."""
        arrived = 0
        for entry in islice(self.coming, number):
            self.add(entry)
            arrived += 1
        return arrived

    def add(self, entry: Entry) -> None:
        """Archive a message at its place; one with a known Message-ID is dropped, as Mailman does."""
        with self.lock:
            if entry.message_hash in self.by_hash:
                return
            self.by_hash[entry.message_hash] = entry
            if self.entries and entry < self.entries[-1]:
                insort(self.entries, entry)
            else:
                self.entries.append(entry)
            if entry.parent_hash:
                self.children.setdefault(entry.parent_hash, []).append(entry.message_hash)

    def newest_first(self, offset: int, limit: int) -> tuple[int, list[Entry]]:
        """Return the number of messages and a slice of them, newest archived first."""
        with self.lock:
            count = len(self.entries)
            end = max(0, count - offset)
            return count, self.entries[max(0, end - limit) : end][::-1]

    def thread(self, thread_hash: str) -> list[Entry]:
        """Return the messages of a thread in the order of their dates."""
        with self.lock:
            return sorted((e for e in self.entries if e.thread_hash == thread_hash), key=lambda e: e.date)

    def remove(self, message_hash: str) -> None:
        """Remove a message as a moderator does; answers to it move up to what it answered."""
        with self.lock:
            gone = self.by_hash.pop(message_hash)
            self.entries.remove(gone)
            orphans = [self.by_hash[h] for h in self.children.pop(message_hash, ()) if h in self.by_hash]
            orphans.sort(key=lambda e: e.date)
            heir = gone.parent_hash
            if heir is None and orphans:
                starter = orphans.pop(0)
                starter.parent_hash, heir = None, starter.message_hash
            for orphan in orphans:
                orphan.parent_hash = heir
                self.children.setdefault(str(heir), []).append(orphan.message_hash)
            if gone.parent_hash in self.children:
                self.children[gone.parent_hash].remove(message_hash)

    def attach(self, message_hash: str, parent_hash: str) -> None:
        """Attach a message, with all that answers it, to another one and so to its thread."""
        with self.lock:
            entry, parent = self.by_hash[message_hash], self.by_hash[parent_hash]
            if entry.parent_hash in self.children:
                self.children[entry.parent_hash].remove(message_hash)
            entry.parent_hash = parent_hash
            self.children.setdefault(parent_hash, []).append(message_hash)
            moving = [entry]
            while moving:
                moved = moving.pop()
                moved.thread_hash = parent.thread_hash
                moving += [
                    self.by_hash[h] for h in self.children.get(moved.message_hash, ()) if h in self.by_hash
                ]

    def content(self, entry: Entry) -> str:
        """Return the body."""
        return self.body_of(entry) if entry.text is None else entry.text


@dataclass
class MailArchive:
    """All lists of a server."""

    lists: dict[str, MailList] = field(default_factory=dict)
    exports: bool = True
    """Whether the installation lets people download mboxes."""

    def add_list(self, mail_list: MailList) -> MailList:
        """Take in a list."""
        self.lists[mail_list.name] = mail_list
        return mail_list
