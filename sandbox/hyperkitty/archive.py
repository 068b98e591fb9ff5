"""The lists of an archive: messages in archiving order, and how they are added, moved and removed."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from threading import RLock


@dataclass(frozen=True)
class Attachment:
    """A file attached to a message."""

    name: str
    content_type: str
    encoding: str | None
    size: int


@dataclass(slots=True)
class Entry:
    """An archived message. `archived_at` orders the index, but no response shows it."""

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
    """One list: its archived messages and those still to come."""

    name: str
    display_name: str = ""
    description: str = ""
    coming: Iterator[Entry] = field(default_factory=lambda: iter(()))
    body_of: Callable[[Entry], str] = lambda entry: ""
    entries: list[Entry] = field(default_factory=list)
    by_hash: dict[str, Entry] = field(default_factory=dict)
    created_at: datetime = datetime(2024, 1, 1, tzinfo=UTC)
    arrived: int = 0
    """The number of messages that came from `coming`."""

    def __post_init__(self) -> None:
        self.children: dict[str, list[str]] = {}
        self.lock = RLock()

    def advance(self, until: int) -> int:
        """Add messages until so many have come; return how many arrived now."""
        before = self.arrived
        for entry in islice(self.coming, max(0, until - before)):
            self.add(entry)
            self.arrived += 1
        return self.arrived - before

    def add(self, entry: Entry) -> None:
        """Archive a message in order; one with a known Message-ID is dropped, as Mailman does."""
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
        """Return the number of all messages, and one page of them, newest archived first."""
        with self.lock:
            count = len(self.entries)
            end = max(0, count - offset)
            return count, self.entries[max(0, end - limit) : end][::-1]

    def thread(self, thread_hash: str) -> list[Entry]:
        """Return the messages of a thread, ordered by date."""
        with self.lock:
            return sorted((e for e in self.entries if e.thread_hash == thread_hash), key=lambda e: e.date)

    def remove(self, message_hash: str) -> None:
        """Remove a message as a moderator does; its replies then reply to its parent."""
        with self.lock:
            removed = self.by_hash.pop(message_hash)
            self.entries.remove(removed)
            orphans = [self.by_hash[h] for h in self.children.pop(message_hash, ()) if h in self.by_hash]
            orphans.sort(key=lambda e: e.date)
            new_parent = removed.parent_hash
            if new_parent is None and orphans:
                starter = orphans.pop(0)
                starter.parent_hash, new_parent = None, starter.message_hash
            for orphan in orphans:
                orphan.parent_hash = new_parent
                self.children.setdefault(str(new_parent), []).append(orphan.message_hash)
            if removed.parent_hash in self.children:
                self.children[removed.parent_hash].remove(message_hash)

    def attach(self, message_hash: str, parent_hash: str) -> None:
        """Make a message a reply to another one; it and all its replies move to that thread."""
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
        """Return the body: the entry's own text if it has one, else the generated one."""
        return self.body_of(entry) if entry.text is None else entry.text


@dataclass
class MailArchive:
    """All lists of a server."""

    lists: dict[str, MailList] = field(default_factory=dict)
    exports: bool = True
    """Whether the installation offers mbox downloads."""

    def add_list(self, mail_list: MailList) -> MailList:
        """Add a list and return it."""
        self.lists[mail_list.name] = mail_list
        return mail_list
