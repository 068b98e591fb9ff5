"""Deterministic embeddings of hashed words and hashed parts of words: similar texts get similar vectors."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from hashlib import blake2b

TOKEN = re.compile(r"\w+", re.UNICODE)
PIECE = 4
READ_TOKENS = 507
"""A model reads at most this many tokens and silently ignores the rest."""
HASH_SPACE = 2**32 - 1


def tokens(text: str) -> list[str]:
    """Return the tokens that a model reads of a text."""
    return [word.casefold() for word in TOKEN.findall(text)][:READ_TOKENS]


def dense(text: str, dimension: int) -> list[float]:
    """Return a unit vector of whole words and parts of words, so that inflected forms stay similar."""
    vector = [0.0] * dimension
    for feature, weight in _features(tokens(text)):
        position, sign = _hash(feature)
        vector[position % dimension] += sign * weight
    length = math.sqrt(sum(value * value for value in vector))
    return [value / length for value in vector] if length else vector


def sparse(text: str) -> dict[int, float]:
    """Return a weight per word hash; it grows with the logarithm of the word's count."""
    counted = Counter(tokens(text))
    return {
        _hash(word)[0] % HASH_SPACE: (1.0 + math.log(number)) * _importance(word)
        for word, number in counted.items()
    }


def cosine(one: list[float], other: list[float]) -> float:
    """Return the cosine similarity of two unit vectors."""
    return sum(a * b for a, b in zip(one, other, strict=True))


def dot(query: dict[int, float], document: dict[int, float]) -> float:
    """Return the dot product of two sparse vectors."""
    return sum(weight * document.get(position, 0.0) for position, weight in query.items())


def _features(words: list[str]) -> Iterator[tuple[str, float]]:
    for word, number in Counter(words).items():
        weight = (1.0 + math.log(number)) * _importance(word)
        yield word, weight
        padded = f" {word} "
        for start in range(max(1, len(padded) - PIECE + 1)):
            yield f"~{padded[start : start + PIECE]}", weight * 0.3


def _importance(word: str) -> float:
    """Short words carry little meaning in most languages."""
    return min(1.0, len(word) / 6) ** 2 if word.isascii() else 1.0


@lru_cache(maxsize=100_000)
def _hash(feature: str) -> tuple[int, float]:
    digest = int.from_bytes(blake2b(feature.encode(), digest_size=8).digest(), "big")
    return digest >> 1, 1.0 if digest & 1 else -1.0
