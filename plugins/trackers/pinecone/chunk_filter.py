"""Decides which chunks are worth searching, and gives the reason against the others. Pure."""

from __future__ import annotations

import re
import unicodedata

TOO_SHORT, TABLE, MOSTLY_TABLE = "too_short", "table_separator", "mostly_table"
FEW_WORDS, PUNCTUATION = "few_words", "punctuation"
SHORT_REASONS = frozenset({TOO_SHORT, FEW_WORDS})
WORD = re.compile(r"[^\W_]+", re.UNICODE)
SEPARATOR = re.compile(r"\|[\s\-:|]*")
TABLE_CHARACTER = re.compile(r"[\s|\-:]")
VISIBLE = re.compile(r"\S")
ASCII_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")
OTHER_SIGNS = re.compile(r"[^\w\s\x00-\x7f]")
WITHOUT_SPACES = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]"
)
"""Scripts without spaces between words: Thai, Lao, Burmese, Khmer, Japanese, Chinese."""
LETTERS_INSTEAD_OF_WORDS = 10
KEPT_IF_WORDS = 2


def reason_against(text: str, *, min_length: int = 50, min_words: int = 5) -> str | None:
    """Return why a stripped chunk is not searchable; None if it is."""
    if len(text) < min_length:
        return TOO_SHORT
    if SEPARATOR.fullmatch(text):
        return TABLE
    if len(TABLE_CHARACTER.findall(text)) > 0.7 * len(text):
        return MOSTLY_TABLE
    if not has_words(text, min_words):
        return FEW_WORDS
    if _punctuation(text) > 0.5 * len(VISIBLE.findall(text)):
        return PUNCTUATION
    return None


def has_words(text: str, number: int) -> bool:
    """Return whether a text has this many words, or enough letters of a script without spaces."""
    if len(WORD.findall(text)) >= number:
        return True
    return len(WITHOUT_SPACES.findall(text)) >= LETTERS_INSTEAD_OF_WORDS


def is_worth_keeping(text: str) -> bool:
    """Return whether a short document has enough words for a source that keeps short documents."""
    return has_words(text, KEPT_IF_WORDS)


def _punctuation(text: str) -> int:
    """Count punctuation and symbols, but not marks that belong to a letter."""
    ascii_signs = len(ASCII_PUNCTUATION.findall(text))
    return ascii_signs + sum(unicodedata.category(c)[0] in "PS" for c in OTHER_SIGNS.findall(text))
