"""Fetches whole messages in batches that fit into memory, and detects when the source itself is down."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from core.clock import Clock
from core.errors import (
    CollectorError,
    NotFound,
    RequestRefused,
    SourceUnavailable,
    TooLarge,
    UnexpectedPayload,
)
from core.outage import OutageBreaker
from core.raw import RawItem
from trackers.mailing_list.mbox import Exports, detail_of
from trackers.mailing_list.parse import Listed, Message, parse_message
from trackers.mailing_list.store import raw_key

BATCH_BYTES = 8 * 1024 * 1024


class Answer(Protocol):
    """An answer of the archive."""

    @property
    def body(self) -> bytes:
        """The bytes received."""

    @property
    def path(self) -> str:
        """The path that was requested, for messages."""


class MessageSource(Protocol):
    """The request for whole messages of the archive."""

    def messages(
        self, list_name: str, hashes: Iterable[str]
    ) -> Iterator[tuple[str, Answer | CollectorError]]:
        """Fetch messages concurrently, and yield hash and answer (or error) in order."""


@dataclass(frozen=True)
class ExportedMessage:
    """A message composed of its index item and a body from an export."""

    body: bytes
    path: str = "export"


@dataclass
class MessageBatch:
    """The answers for some messages: parsed messages with their raw payloads, and all others.

    :param without_hash: payloads without the hash that a stored message needs.
    :param removed: answered with 404, because a moderator removed them after the index was read.
    :param failed: hash and reason of messages that the next run requests again.
    """

    messages: list[Message] = field(default_factory=list)
    payloads: list[RawItem] = field(default_factory=list)
    without_hash: list[RawItem] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    too_large: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    size: int = 0

    @property
    def requested(self) -> int:
        """How many messages were requested."""
        answered = len(self.messages) + len(self.without_hash)
        return answered + len(self.removed) + len(self.too_large) + len(self.failed)

    @property
    def resolved(self) -> list[str]:
        """Hashes of messages that need not be requested again."""
        without_hash = [payload.key.rpartition("/")[2] for payload in self.without_hash]
        return [m.message_hash for m in self.messages] + without_hash + self.removed + self.too_large


@dataclass
class MessageFetcher:
    """Fetches messages of one list."""

    source: MessageSource
    list_name: str
    clock: Clock
    exports: Exports
    outage: OutageBreaker = field(default_factory=OutageBreaker)

    def close(self) -> None:
        """Stop waiting for exports."""
        self.exports.close()

    def batches(
        self, hashes: list[str], listed: Mapping[str, tuple[Listed, Any]] | None = None
    ) -> Iterator[MessageBatch]:
        """Yield the archive's answers for these hashes.

        :param listed: index items by hash; with them, bodies can come from exports.
        """
        batch = MessageBatch()
        for message_hash, answer in self._answers(hashes, listed or {}):
            if isinstance(answer, CollectorError):
                self._note_error(batch, message_hash, answer)
            else:
                self._note_answer(batch, message_hash, answer)
            if batch.size >= BATCH_BYTES:
                yield batch
                batch = MessageBatch()
        if batch.requested:
            yield batch

    def _answers(
        self, hashes: list[str], listed: Mapping[str, tuple[Listed, Any]]
    ) -> Iterator[tuple[str, Answer | CollectorError]]:
        """Yield the messages that exports contain, then those that have to be requested one by one."""
        bodies = self.exports.bodies({h: listed[h][0] for h in hashes if h in listed}) if listed else {}
        for message_hash, body in bodies.items():
            yield message_hash, ExportedMessage(detail_of(listed[message_hash][1], body))
        rest = [h for h in hashes if h not in bodies]
        if rest:
            for message_hash, answer in self.source.messages(self.list_name, rest):
                if not isinstance(answer, CollectorError):
                    self.outage.succeeded()
                yield message_hash, answer

    def _note_error(self, batch: MessageBatch, message_hash: str, error: CollectorError) -> None:
        if isinstance(error, NotFound):
            batch.removed.append(message_hash)
        elif isinstance(error, TooLarge):
            batch.too_large.append(message_hash)
        elif isinstance(error, (UnexpectedPayload, RequestRefused, SourceUnavailable)):
            if isinstance(error, SourceUnavailable):
                self.outage.failed(error)
            batch.failed[message_hash] = str(error)
        else:
            raise error

    def _note_answer(self, batch: MessageBatch, message_hash: str, answer: Answer) -> None:
        payload = RawItem(raw_key(self.list_name, message_hash), answer.body, self.clock.now())
        batch.size += len(answer.body)
        try:
            detail = json.loads(answer.body)
            if not isinstance(detail, dict):
                raise ValueError("not an object")
        except ValueError:
            batch.failed[message_hash] = f"{answer.path}: not a JSON object, {len(answer.body):,} bytes"
            return
        message = parse_message(detail, self.list_name)
        if message is None:
            batch.without_hash.append(payload)
        elif message.message_hash != message_hash:
            batch.failed[message_hash] = f"{answer.path}: contains another message"
        else:
            batch.messages.append(message)
            batch.payloads.append(payload)
