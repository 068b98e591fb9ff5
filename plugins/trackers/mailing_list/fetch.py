"""Fetches whole messages, in slices that fit into memory, and tells a bad message from a bad source."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from core.clock import Clock
from core.errors import (
    BrokenOff,
    CollectorError,
    NotFound,
    RequestRefused,
    SourceUnavailable,
    TooLarge,
    UnexpectedPayload,
)
from core.raw import RawItem
from trackers.mailing_list.mbox import Exports, detail_of
from trackers.mailing_list.parse import Listed, Message, parse_message
from trackers.mailing_list.store import raw_key

SLICE_BYTES = 8 * 1024 * 1024
UNAVAILABLE_IN_A_ROW = 3
"""So many messages in a row that cannot be had mean that the source is down, not that they are bad."""


class Answer(Protocol):
    """An answer of the archive."""

    @property
    def body(self) -> bytes:
        """The bytes received."""

    @property
    def path(self) -> str:
        """What was asked for."""


class MessageSource(Protocol):
    """What can be asked for whole messages."""

    def messages(
        self, list_name: str, hashes: Iterable[str]
    ) -> Iterator[tuple[str, Answer | CollectorError]]:
        """Fetch messages, overlapping, and yield hash and answer (or error) in order."""


@dataclass(frozen=True)
class Exported:
    """A body from an export, put into its index item."""

    body: bytes
    path: str = "export"


@dataclass
class Slice:
    """What was fetched: messages with their raw payloads, and what could not be taken."""

    messages: list[Message] = field(default_factory=list)
    payloads: list[RawItem] = field(default_factory=list)
    nameless: list[RawItem] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    """Answered with 404: a moderator removed them between the index and the detail."""
    too_large: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    """Hash and reason; asked for again by the next run."""
    size: int = 0

    @property
    def asked(self) -> int:
        """How many messages were asked for."""
        taken = len(self.messages) + len(self.nameless)
        return taken + len(self.removed) + len(self.too_large) + len(self.failed)


@dataclass
class Details:
    """Fetches messages of one list."""

    source: MessageSource
    list_name: str
    clock: Clock
    exports: Exports | None = None
    unavailable: int = 0
    exported: int = 0
    """How many bodies came from exports."""

    def close(self) -> None:
        """Wait for no export any more."""
        if self.exports is not None:
            self.exports.close()

    def slices(
        self, hashes: list[str], listed: Mapping[str, tuple[Listed, Any]] | None = None
    ) -> Iterator[Slice]:
        """Yield what the archive answers for these hashes; nothing for none.

        :param listed: index items by hash: with them, bodies may come from exports.
        """
        part = Slice()
        bodies: dict[str, str] = {}
        if self.exports is not None and listed:
            bodies = self.exports.bodies({h: listed[h][0] for h in hashes if h in listed})
            self.exported += len(bodies)
        for message_hash, body in bodies.items():
            self._take(part, message_hash, Exported(detail_of((listed or {})[message_hash][1], body)))
            if part.size >= SLICE_BYTES:
                yield part
                part = Slice()
        hashes = [h for h in hashes if h not in bodies]
        for message_hash, outcome in self.source.messages(self.list_name, hashes) if hashes else ():
            if isinstance(outcome, CollectorError):
                self._refused(part, message_hash, outcome)
                continue
            self.unavailable = 0
            self._take(part, message_hash, outcome)
            if part.size >= SLICE_BYTES:
                yield part
                part = Slice()
        if part.asked:
            yield part

    def _refused(self, part: Slice, message_hash: str, error: CollectorError) -> None:
        if isinstance(error, NotFound):
            part.removed.append(message_hash)
        elif isinstance(error, TooLarge):
            part.too_large.append(message_hash)
        elif isinstance(error, (UnexpectedPayload, RequestRefused)):
            part.failed[message_hash] = str(error)
        elif isinstance(error, SourceUnavailable):
            self.unavailable += 1
            if self.unavailable >= UNAVAILABLE_IN_A_ROW and not isinstance(error, BrokenOff):
                raise error
            part.failed[message_hash] = str(error)
        else:
            raise error

    def _take(self, part: Slice, message_hash: str, answer: Answer) -> None:
        payload = RawItem(raw_key(self.list_name, message_hash), answer.body, self.clock.now())
        part.size += len(answer.body)
        try:
            detail = json.loads(answer.body)
            if not isinstance(detail, dict):
                raise ValueError("not an object")
        except ValueError:
            part.failed[message_hash] = f"{answer.path}: not a message in JSON, {len(answer.body):,} bytes"
            return
        message = parse_message(detail, self.list_name)
        if message is None:
            part.nameless.append(payload)
        elif message.message_hash != message_hash:
            part.failed[message_hash] = f"{answer.path}: holds another message"
        else:
            part.messages.append(message)
            part.payloads.append(payload)
