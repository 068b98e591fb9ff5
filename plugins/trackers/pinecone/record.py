"""Builds the record of a chunk: its id, text and metadata, and the hashes that show whether it changed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import md5, sha256
from typing import Any

from trackers.pinecone.pinecone_limits import ID_LENGTH, METADATA_BYTES

TEXT_FIELD = "chunk_text"
SOURCE_IDS = "table_ids"
"""The name of the source ids in the metadata."""
RESERVED = ("id", "_id", TEXT_FIELD)
NOT_UPLOADED = frozenset({"source_ids", "ids", "chunk_no"})
PREFIX_LENGTH = 50
LEAST_TEXT = 100
"""A text is not cut any shorter than this."""
CUT_MARK = "… and "


class BadRecord(ValueError):
    """A document that cannot become records; the text says why."""


@dataclass(frozen=True)
class Record:
    """The record that is uploaded for one chunk."""

    id: str
    text: str
    metadata: Mapping[str, Any]
    text_sha256: str
    meta_sha256: str

    @property
    def body(self) -> dict[str, Any]:
        """The flat object that is sent to Pinecone."""
        return {"id": self.id, TEXT_FIELD: self.text, **self.metadata}

    @property
    def size(self) -> int:
        """The approximate number of bytes in a request."""
        return len(json.dumps(self.body, ensure_ascii=False).encode()) + 1


def record_of(record_id: str, text: str, metadata: Mapping[str, Any]) -> Record:
    """Return the record of a text with metadata that `clean_metadata` returned."""
    if len(text.encode()) > METADATA_BYTES:
        raise BadRecord(f"a text of {len(text.encode()):,} bytes is too long for one record; split it")
    return Record(record_id, text, metadata, text_hash(text), meta_hash(metadata))


def with_title(text: str, title: Any) -> str:
    """Return the text with its title as the first line, unless it already begins with that line."""
    heading = str(title).strip() if title is not None else ""
    line = f"Title: {heading}"
    if not heading or (text.startswith(line) and text[len(line) :].lstrip(" \t\r")[:1] in ("", "\n")):
        return text
    return f"{line}\n\n{text}"


def split_id(base: str, start: int) -> str:
    """Return the id of a chunk that the engine split."""
    return _digest(f"{base}_{start}")


def chunked_id(base: str, uploaded: str, chunk_no: Any = None) -> str:
    """Return the id of a chunk that its source split: from its number, else from its text."""
    if chunk_no is not None:
        return _digest(f"{base}_{chunk_no}")
    return _digest(f"{base}_{uploaded[:PREFIX_LENGTH]}_{len(uploaded)}")


def _digest(text: str) -> str:
    return md5(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()


def clean_text(text: str) -> str:
    """Return a text without characters that JSON or PostgreSQL cannot store."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode() if text else text


def clean_metadata(
    metadata: Mapping[str, Any], source_ids: Iterable[str]
) -> tuple[dict[str, Any], list[str]]:
    """Return metadata in the form that Pinecone accepts, and the names of values that were cut."""
    if reserved := sorted(name for name in metadata if name in RESERVED):
        raise BadRecord(
            f"metadata must not have the key {', '.join(reserved)}: it would overwrite the record's"
        )
    cleaned: dict[str, Any] = {}
    for name, value in metadata.items():
        if name in NOT_UPLOADED:
            continue
        if str(name).startswith("$"):
            raise BadRecord(f"metadata must not have the key {name}: it begins with $")
        if (plain := _plain(value)) is not None:
            cleaned[clean_text(str(name))] = plain
    if ids := [clean_text(source_id) for source_id in source_ids]:
        cleaned[SOURCE_IDS] = ids
    return _fit(cleaned)


def _plain(value: Any) -> Any:
    """Return a value as text, number, boolean or list of texts; None if it is left out."""
    if value is None or isinstance(value, (bool, int)):
        return _number(value)
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, datetime):
        return int((value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp())
    if isinstance(value, date):
        return int(datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp())
    if isinstance(value, (set, frozenset)):
        return sorted(clean_text(str(item)) for item in value if item is not None)
    if isinstance(value, (list, tuple)):
        if any(isinstance(item, (Mapping, list, tuple, set)) for item in value):
            return clean_text(json.dumps(value, default=str, ensure_ascii=False))
        return [clean_text(str(item)) for item in value if item is not None]
    if isinstance(value, Mapping):
        return clean_text(json.dumps(value, default=str, ensure_ascii=False, sort_keys=True))
    return clean_text(str(value))


def _number(value: Any) -> Any:
    """Return the value, but a whole number of more than 64 bits, which cannot be sent, as text."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if whole and not -(2**63) <= value < 2**63 else value


def _fit(metadata: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Cut the longest text or list until everything fits, or none is left that can be cut."""
    cut: dict[str, None] = {}
    # Pinecone's limit includes the chunk's text, for which 6 KB are reserved.
    most = METADATA_BYTES - 6 * 1024
    while (excess := _size(metadata) - most) > 0:
        sizes = {
            name: _size(value)
            for name, value in metadata.items()
            if (isinstance(value, str) and len(value) > LEAST_TEXT)
            or (isinstance(value, list) and len(value) > 1 and name not in cut)
        }
        if not sizes:
            break
        name = max(sizes, key=sizes.__getitem__)
        value = metadata[name]
        if isinstance(value, str):
            keep = max(LEAST_TEXT, len(value.encode()) - excess)
            metadata[name] = value.encode()[:keep].decode("utf-8", "ignore")
        else:
            metadata[name] = _beginning(value, sizes[name] - excess)
        cut[name] = None
    return metadata, list(cut)


def _beginning(items: list[str], most: int) -> list[str]:
    """Return the first items of a list and a mark, which differs if the others differ, in so many bytes."""
    size, kept = LEAST_TEXT, 0  # the mark is shorter
    while kept < len(items) and (size := size + _size(items[kept]) + 2) <= most:
        kept += 1
    rest = items[kept:]
    return [*items[:kept], f"{CUT_MARK}{len(rest):,} more ({_digest(json.dumps(rest))[:8]})"]


def is_cut(items: Sequence[str]) -> bool:
    """Return whether a list of the metadata was too long and ends with a mark."""
    return bool(items) and items[-1].startswith(CUT_MARK)


def _size(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode())


def check_id(record_id: str) -> None:
    """Raise if Pinecone would refuse the id."""
    if not record_id or len(record_id) > ID_LENGTH:
        raise BadRecord(f"a record id needs 1 to {ID_LENGTH} characters")


def text_hash(text: str) -> str:
    """Return the hash by which texts are compared."""
    return sha256(text.encode()).hexdigest()


def meta_hash(metadata: Mapping[str, Any]) -> str:
    """Return the hash by which metadata are compared, with numbers as doubles, as Pinecone stores them."""
    comparable = {name: _as_stored(value) for name, value in metadata.items()}
    return sha256(json.dumps(comparable, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _as_stored(value: Any) -> Any:
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
