"""Search by meaning and by words at once: two rankings merged by reciprocal rank fusion."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from trackers.pinecone.index import KINDS, Found, IndexKind, Searcher

DAMPING = 60
"""The usual constant of reciprocal rank fusion: how little the first places stand out."""
AT_ONCE = 4
DEPTH = 30
"""So many places of each ranking count at least, or what both have lower down would not meet."""
Ranking = tuple[str, IndexKind, Sequence[Found]]


@dataclass
class Match:
    """A record, and where each ranking has it."""

    namespace: str
    id: str
    fields: Mapping[str, Any]
    score: float = 0.0
    ranks: dict[IndexKind, int] = field(default_factory=dict)


def search(index: Searcher, query: str, namespaces: Iterable[str], k: int = 10) -> list[Match]:
    """Return the `k` best records of some namespaces.

    Scores of the two indexes cannot be compared with each other; places can.
    """
    text = query.strip()
    if not text or k < 1:
        return []
    index.open(create=False)
    wanted = [(namespace, kind) for namespace in dict.fromkeys(namespaces) for kind in KINDS]

    def ask(one: tuple[str, IndexKind]) -> Ranking:
        namespace, kind = one
        return namespace, kind, index.search(kind, namespace, text, max(DEPTH, 3 * k))

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="search") as pool:
        return merged(pool.map(ask, wanted))[:k]


def merged(rankings: Iterable[Ranking]) -> list[Match]:
    """Merge rankings, best first; ties by namespace and id, so that an answer is always the same."""
    matches: dict[tuple[str, str], Match] = {}
    for namespace, kind, found in rankings:
        for place, hit in enumerate(found, start=1):
            match = matches.setdefault((namespace, hit.id), Match(namespace, hit.id, hit.fields))
            match.ranks[kind] = place
            match.score += 1.0 / (DAMPING + place)
    return sorted(matches.values(), key=lambda m: (-m.score, m.namespace, m.id))
