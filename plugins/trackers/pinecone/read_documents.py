"""Reads what a documents function returns, in the form of the contract or of the predecessor. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from core.documents import Documents
from core.errors import ConfigurationError


@dataclass(frozen=True)
class ReadDocument:
    """One document in the form that the engine uses.

    :param base: the base of its record ids: `doc_id`, else `url`; empty if it has neither.
    """

    content: str
    metadata: dict[str, Any]
    base: str
    source_ids: tuple[str, ...] = field(default=())


def as_documents(answer: Any) -> Documents:
    """Read `Documents` or an object with its fields, a 2-tuple, or a 3-tuple with metadata updates."""
    if isinstance(answer, Documents):
        return answer
    if isinstance(answer, tuple):
        if len(answer) not in (2, 3):
            raise ConfigurationError(
                f"a preprocess function returned {len(answer)} values; return 2 or 3, or a Documents"
            )
        return Documents(answer[0], bool(answer[1]), answer[2] if len(answer) == 3 else ())
    if not hasattr(answer, "documents"):
        raise ConfigurationError(f"a preprocess function returned {type(answer).__name__}, not documents")
    known = {f.name: getattr(answer, f.name, None) for f in fields(Documents)}
    return Documents(**{name: value for name, value in known.items() if value is not None})


def read_document(document: Any) -> ReadDocument:
    """Read a document, which may be a mapping or an object."""

    def part(name: str) -> Any:
        return document.get(name) if isinstance(document, Mapping) else getattr(document, name, None)

    metadata = dict(part("metadata") or {})
    candidates = (metadata.get("source_ids"), metadata.get("ids"), part("source_ids"), part("ids"))
    source_ids: tuple[str, ...] = next(filter(None, map(split_ids, candidates)), ())
    base = _text(metadata.get("doc_id")) or _text(metadata.get("url"))
    content = part("content")
    return ReadDocument("" if content is None else str(content), metadata, base, source_ids)


def split_ids(value: Any) -> tuple[str, ...]:
    """Return the ids of a list or of a text with commas, in their order, each of them once."""
    if value is None:
        return ()
    if isinstance(value, str):
        parts: Iterable[Any] = value.split(",")
    elif isinstance(value, Iterable):
        parts = value
    else:
        parts = (value,)
    return tuple(dict.fromkeys(text for part in parts if (text := _text(part))))


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()
