"""Distinguishes a single item that fails from a source that is down."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import BrokenOff, SourceUnavailable

IN_A_ROW = 3


@dataclass
class OutageBreaker:
    """Gives up when several consecutive requests find the source unavailable.

    :param limit: consecutive failures that mean that the source is down rather than single items.
    """

    limit: int = IN_A_ROW
    failures: int = 0

    def succeeded(self) -> None:
        """Reset the count."""
        self.failures = 0

    def failed(self, error: SourceUnavailable) -> None:
        """Count a failure, and raise it if the limit is reached.

        An answer that broke off counts, but does not stop by itself: the source was there.
        """
        self.failures += 1
        if self.failures >= self.limit and not isinstance(error, BrokenOff):
            raise error
