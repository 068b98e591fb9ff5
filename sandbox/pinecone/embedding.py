"""Deterministic embeddings in which near texts are near: hashed words, and hashed pieces of words."""

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
"""A model reads so many tokens; what follows is cut off silently."""
HASH_SPACE = 2**32 - 1


def tokens(text: str) -> list[str]:
    """Return what a model reads of a text."""
    return [word.casefold() for word in TOKEN.findall(text)][:READ_TOKENS]


def dense(text: str, dimension: int) -> list[float]:
    """Return a unit vector; words weigh in whole and by their pieces, so that inflections stay near."""
    vector = [0.0] * dimension
    for feature, weight in _features(tokens(text)):
        place, sign = _place(feature)
        vector[place % dimension] += sign * weight
    length = math.sqrt(sum(value * value for value in vector))
    return [value / length for value in vector] if length else vector


def sparse(text: str) -> dict[int, float]:
    """Return weights of the words by their hash; a repeated word weighs more, but ever less so."""
    counted = Counter(tokens(text))
    return {
        _place(word)[0] % HASH_SPACE: (1.0 + math.log(number)) * _importance(word)
        for word, number in counted.items()
    }


def cosine(one: list[float], other: list[float]) -> float:
    """Return how near two unit vectors are."""
    return sum(a * b for a, b in zip(one, other, strict=True))


def dot(query: dict[int, float], document: dict[int, float]) -> float:
    """Return how much the words of two texts overlap."""
    return sum(weight * document.get(place, 0.0) for place, weight in query.items())


def _features(words: list[str]) -> Iterator[tuple[str, float]]:
    for word, number in Counter(words).items():
        weight = (1.0 + math.log(number)) * _importance(word)
        yield word, weight
        padded = f" {word} "
        for start in range(max(1, len(padded) - PIECE + 1)):
            yield f"~{padded[start : start + PIECE]}", weight * 0.3


def _importance(word: str) -> float:
    """Short words say little, in most languages."""
    return min(1.0, len(word) / 6) ** 2 if word.isascii() else 1.0


@lru_cache(maxsize=100_000)
def _place(feature: str) -> tuple[int, float]:
    digest = int.from_bytes(blake2b(feature.encode(), digest_size=8).digest(), "big")
    return digest >> 1, 1.0 if digest & 1 else -1.0
