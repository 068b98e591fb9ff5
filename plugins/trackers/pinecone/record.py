"""From a chunk to a record: its id, its text, its metadata, and the hashes that show whether it changed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import md5, sha256
from typing import Any

from trackers.pinecone.limits import ID_LENGTH, METADATA_BYTES

TEXT_FIELD = "chunk_text"
SOURCE_IDS = "table_ids"
"""Under this name the source ids stand in the metadata."""
RESERVED = ("id", "_id", TEXT_FIELD)
NOT_UPLOADED = frozenset({"source_ids", "ids", "chunk_no"})
PREFIX_LENGTH = 50


class BadRecord(ValueError):
    """A document that cannot become a record; says why."""


@dataclass(frozen=True)
class Record:
    """What is uploaded for one chunk."""

    id: str
    text: str
    metadata: Mapping[str, Any]
    text_sha256: str
    meta_sha256: str

    @property
    def body(self) -> dict[str, Any]:
        """The flat object that Pinecone takes."""
        return {"id": self.id, TEXT_FIELD: self.text, **self.metadata}

    @property
    def size(self) -> int:
        """About how many bytes it takes in a request."""
        return len(json.dumps(self.body, ensure_ascii=False).encode()) + 1


def record_of(record_id: str, text: str, metadata: Mapping[str, Any]) -> Record:
    """Put a record together; its metadata is clean already."""
    if len(text.encode()) > METADATA_BYTES:
        raise BadRecord(f"a text of {len(text.encode()):,} bytes is too long for one record; split it")
    return Record(record_id, text, metadata, text_hash(text), meta_hash(metadata))


def with_title(text: str, title: Any) -> str:
    """Return the uploaded text: under its title, unless it begins with that line already."""
    heading = str(title).strip() if title is not None else ""
    if not heading or text.startswith(f"Title: {heading}"):
        return text
    return f"Title: {heading}\n\n{text}"


def split_id(base: str, start: int) -> str:
    """Return the id of a chunk that the engine cut."""
    return _digest(f"{base}_{start}")


def chunked_id(base: str, uploaded: str, chunk_no: Any = None) -> str:
    """Return the id of a chunk that came cut: by its number, else by its text as the predecessor did."""
    if chunk_no is not None:
        return _digest(f"{base}_{chunk_no}")
    return _digest(f"{base}_{uploaded[:PREFIX_LENGTH]}_{len(uploaded)}")


def _digest(text: str) -> str:
    return md5(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()


def clean_text(text: str) -> str:
    """Return a text without what neither JSON nor PostgreSQL can hold."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode() if text else text


def clean_metadata(
    metadata: Mapping[str, Any], source_ids: Iterable[str]
) -> tuple[dict[str, Any], list[str]]:
    """Return metadata as Pinecone takes it, and the names of values that had to be cut."""
    if taken := sorted(name for name in metadata if name in RESERVED):
        raise BadRecord(f"metadata must not have the key {', '.join(taken)}: it would overwrite the record's")
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
    """Return a value as text, number, flag or list of texts; None for what is left out."""
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
    """Whole numbers beyond 64 bits cannot be sent; as text they can."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if whole and not -(2**63) <= value < 2**63 else value


def _fit(metadata: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Cut the longest text until everything fits; what has no text to cut stays as it is."""
    cut: list[str] = []
    # The chunk's text counts, too; it is at most a chunk long and gets its share beside.
    room = METADATA_BYTES - 6 * 1024
    while (excess := _size(metadata) - room) > 0:
        texts = {name: len(v.encode()) for name, v in metadata.items() if isinstance(v, str) and len(v) > 100}
        if not texts:
            return metadata, cut
        name = max(texts, key=texts.__getitem__)
        keep = max(100, texts[name] - excess)
        metadata[name] = metadata[name].encode()[:keep].decode("utf-8", "ignore")
        cut.append(name)
    return metadata, cut


def _size(metadata: Mapping[str, Any]) -> int:
    return len(json.dumps(metadata, ensure_ascii=False).encode())


def check_id(record_id: str) -> None:
    """Refuse an id that Pinecone would refuse."""
    if not record_id or len(record_id) > ID_LENGTH:
        raise BadRecord(f"a record id needs 1 to {ID_LENGTH} characters")


def text_hash(text: str) -> str:
    """Return what a text is compared by."""
    return sha256(text.encode()).hexdigest()


def meta_hash(metadata: Mapping[str, Any]) -> str:
    """Return what metadata are compared by; numbers as the doubles that Pinecone makes of them."""
    comparable = {name: _as_stored(value) for name, value in metadata.items()}
    return sha256(json.dumps(comparable, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _as_stored(value: Any) -> Any:
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
