"""Splits texts. Record ids are made from the offsets of chunks, so the way of splitting must not change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias


@dataclass(frozen=True)
class Chunk:
    """A stripped piece of a text, with its offset."""

    text: str
    start: int


Splitter: TypeAlias = Callable[[str], Iterator[Chunk]]
"""A function that splits a text; any such function can replace the default one."""


def recursive_splitter(size: int, overlap: int) -> Splitter:
    """Return the default splitter, which splits at blank lines, else at line ends, spaces or anywhere."""

    def split(text: str) -> Iterator[Chunk]:
        whole = text.strip()
        if len(text) < size:
            # The library returns the same, but most mails and comments are short enough to avoid its import.
            if whole:
                yield Chunk(whole, len(text) - len(text.lstrip()))
            return
        for document in _library_splitter(size, overlap).create_documents([text]):
            piece = document.page_content
            if trimmed := piece.strip():
                lead = len(piece) - len(piece.lstrip())
                yield Chunk(trimmed, document.metadata["start_index"] + lead)

    return split


@lru_cache(maxsize=8)
def _library_splitter(size: int, overlap: int) -> Any:
    # The import takes half a second, which a sync without long texts avoids.
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    return RecursiveCharacterTextSplitter(
        chunk_size=size,
        chunk_overlap=overlap,
        length_function=len,
        separators=["\n\n", "\n", " ", ""],
        keep_separator=True,
        add_start_index=True,
        strip_whitespace=True,
    )
