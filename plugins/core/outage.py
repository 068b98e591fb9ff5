"""Tells an item that cannot be had from a source that is down."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import SourceUnavailable

IN_A_ROW = 3


@dataclass
class OutageBreaker:
    """Gives up when several requests in a row find the source unavailable.

    :param limit: so many in a row mean that the source is down, not that single items are bad.
    """

    limit: int = IN_A_ROW
    failures: int = 0

    def succeeded(self) -> None:
        """Start counting anew."""
        self.failures = 0

    def failed(self, error: SourceUnavailable) -> None:
        """Count a failure; raise it if it is one too many."""
        self.failures += 1
        if self.failures >= self.limit:
            raise error
