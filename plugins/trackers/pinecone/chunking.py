"""Cuts texts. Ids of stored vectors are made of the offsets, so how a text is cut must not change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias


@dataclass(frozen=True)
class Chunk:
    """A piece of a text, trimmed, and where it began."""

    text: str
    start: int


Splitter: TypeAlias = Callable[[str], Iterator[Chunk]]
"""Any function that cuts a text can take the place of the default one."""


def recursive_splitter(size: int, overlap: int) -> Splitter:
    """Return the default: at blank lines, else lines, else blanks, else anywhere."""

    def split(text: str) -> Iterator[Chunk]:
        whole = text.strip()
        if len(text) < size:
            # What the library answers, too; most mails and comments are so short.
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
    # Half a second of imports, which a sync with nothing to do never pays.
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
