"""Searches by meaning and by words, and merges the two rankings by reciprocal rank fusion."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from trackers.pinecone.index import KINDS, Found, IndexKind, Searcher

DAMPING = 60
"""The usual constant of reciprocal rank fusion; the larger it is, the less the first ranks count."""
AT_ONCE = 4
DEPTH = 30
"""The least number of hits in each ranking, so that a record with low ranks in both can be merged."""
Ranking = tuple[str, IndexKind, Sequence[Found]]


@dataclass
class Match:
    """A record that was found, with its rank in each index."""

    namespace: str
    id: str
    fields: Mapping[str, Any]
    score: float = 0.0
    ranks: dict[IndexKind, int] = field(default_factory=dict)


def search(index: Searcher, query: str, namespaces: Iterable[str], k: int = 10) -> list[Match]:
    """Return the `k` best records of some namespaces.

    The scores of the two indexes cannot be compared, so their ranks are.
    """
    text = query.strip()
    if not text or k < 1:
        return []
    index.open(create=False)
    wanted = [(namespace, kind) for namespace in dict.fromkeys(namespaces) for kind in KINDS]

    def ranking(part: tuple[str, IndexKind]) -> Ranking:
        namespace, kind = part
        return namespace, kind, index.search(kind, namespace, text, max(DEPTH, 3 * k))

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="search") as pool:
        return merged(pool.map(ranking, wanted))[:k]


def merged(rankings: Iterable[Ranking]) -> list[Match]:
    """Merge rankings, best first; ties are ordered by namespace and id, so that results are reproducible."""
    matches: dict[tuple[str, str], Match] = {}
    for namespace, kind, found in rankings:
        for rank, hit in enumerate(found, start=1):
            match = matches.setdefault((namespace, hit.id), Match(namespace, hit.id, hit.fields))
            match.ranks[kind] = rank
            match.score += 1.0 / (DAMPING + rank)
    return sorted(matches.values(), key=lambda m: (-m.score, m.namespace, m.id))
