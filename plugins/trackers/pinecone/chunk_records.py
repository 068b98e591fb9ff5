"""Builds the records that the index should contain for a document. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from trackers.pinecone.chunk_filter import SHORT_REASONS, is_worth_keeping, reason_against
from trackers.pinecone.chunking import Splitter, recursive_splitter
from trackers.pinecone.read_documents import ReadDocument
from trackers.pinecone.record import (
    BadRecord,
    Record,
    check_id,
    chunked_id,
    clean_metadata,
    clean_text,
    record_of,
    split_id,
    with_title,
)
from trackers.pinecone.sync_limits import SyncLimits


@dataclass
class DocumentRecords:
    """A document with its records, and how far they are written."""

    doc_id: str
    source_ids: tuple[str, ...]
    records: list[Record] = field(default_factory=list)
    problem: str = ""
    """Why no records can be built from it."""
    dropped: Counter[str] = field(default_factory=Counter)
    """Chunks that are not worth searching, by reason."""
    too_short: bool = False
    cut_metadata: tuple[str, ...] = ()
    only_metadata: bool = False
    outstanding: int = 0
    failures: list[str] = field(default_factory=list)
    """Why some of its records could not be written."""
    refused: bool = False
    """Whether the document itself is the cause, rather than an unavailable service."""

    def fail(self, reason: str, *, refused: bool = True) -> None:
        """Add a reason why one of its records could not be written."""
        self.failures.append(reason)
        self.refused = self.refused or refused

    @property
    def failed(self) -> bool:
        """Whether any of its records could not be built or written."""
        return bool(self.problem or self.failures)

    @property
    def reason(self) -> str:
        """The first reason why it failed."""
        return self.problem or next(iter(self.failures), "")


class RecordBuilder:
    """Splits documents, checks the chunks and builds their records."""

    def __init__(self, limits: SyncLimits, splitter: Splitter | None = None) -> None:
        self._limits = limits
        self._split = splitter or recursive_splitter(limits.chunk_size, limits.chunk_overlap)

    def records_of(
        self, given: ReadDocument, *, is_chunked: bool, only_metadata: bool = False
    ) -> DocumentRecords:
        """Return the records of one document, or the reason why there are none."""
        doc_id = clean_text(given.base)
        source_ids = tuple(clean_text(s) for s in given.source_ids)
        built = DocumentRecords(doc_id, source_ids, only_metadata=only_metadata)
        try:
            self._fill(built, given, is_chunked)
        except BadRecord as error:
            built.records.clear()
            built.problem, built.refused = str(error), True
        return built

    def _fill(self, built: DocumentRecords, given: ReadDocument, is_chunked: bool) -> None:
        metadata, cut = clean_metadata(given.metadata, built.source_ids)
        built.cut_metadata = tuple(cut)
        title = metadata.get("title")
        text = clean_text(given.content)
        for start, piece in self._pieces(text, is_chunked):
            reason = self._reason_against(piece)
            if reason and not self._kept_anyway(reason, piece, text):
                built.dropped[reason] += 1
                continue
            uploaded = with_title(piece, title)
            if start is not None:
                record_id = split_id(built.doc_id, start)
            else:
                record_id = chunked_id(built.doc_id, uploaded, given.metadata.get("chunk_no"))
            check_id(record_id)
            built.records.append(record_of(record_id, uploaded, metadata))
        built.too_short = not built.records and set(built.dropped) <= SHORT_REASONS

    def _pieces(self, text: str, is_chunked: bool) -> Iterator[tuple[int | None, str]]:
        if not is_chunked:
            for chunk in self._split(text):
                yield chunk.start, chunk.text
        elif trimmed := text.strip():
            yield None, trimmed

    def _reason_against(self, piece: str) -> str | None:
        return reason_against(piece, min_length=self._limits.min_length, min_words=self._limits.min_words)

    def _kept_anyway(self, reason: str, piece: str, text: str) -> bool:
        """Return whether this is a whole short document and the settings keep such documents."""
        whole = piece == text.strip()
        return (
            self._limits.keep_short_documents
            and reason in SHORT_REASONS
            and whole
            and is_worth_keeping(piece)
        )
