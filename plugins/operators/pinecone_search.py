"""The operator for manual searches: it logs what a query finds, and how the results are ranked."""

from __future__ import annotations

from typing import Any

import structlog

from core.protocols import Collected, TrackerResult
from hooks.pinecone_hook import PineconeHook
from operators.framework.recorded import RecordedOperator
from operators.pinecone_sync import hook_for
from operators.sources import SOURCES, specs_of
from trackers.pinecone.options import SearchOptions
from trackers.pinecone.search import Match, search

log = structlog.get_logger("collector")
TITLES = ("title", "subject", "doc_id")


class PineconeSearchOperator(RecordedOperator[SearchOptions, PineconeHook]):
    """Logs the best records for a query: titles and addresses, no texts."""

    command = "search_pinecone"
    tracker = "pinecone"
    options_type = SearchOptions

    def validate(self) -> None:
        """Check the Connection."""
        self.hook.config()

    def make_hook(self) -> PineconeHook:
        """Return the hook of the requested instance."""
        return hook_for(self.options.instance, self.settings)

    def run_task(self) -> TrackerResult:
        """Search, and log the results."""
        specs = specs_of(SOURCES, self.settings)
        known = [s["namespace"] for s in specs if s["instance"] == self.options.instance]
        namespaces = self.options.namespaces or tuple(dict.fromkeys(known))
        matches = search(self.hook, self.options.query, namespaces, self.options.k)
        log.info(f"{len(matches)} results in {', '.join(namespaces)} for: {self.options.query}")
        for rank, match in enumerate(matches, start=1):
            log.info(shown(rank, match))
        self.session.progress.count("results", len(matches))
        return Collected(counts=dict(self.session.progress.counts))


def shown(rank: int, match: Match) -> str:
    """Return one result as a line."""
    fields: Any = match.fields
    title = next((str(fields[name]) for name in TITLES if fields.get(name)), match.id)
    ranks = ", ".join(f"{kind} {rank}" for kind, rank in match.ranks.items())
    url = f"  {fields['url']}" if fields.get("url") else ""
    return f"{rank:>3}. {match.score:.4f} ({ranks})  [{match.namespace}] {title}{url}"
