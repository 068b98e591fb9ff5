"""The result of a sync, and when it counts as failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from core.errors import CollectorError, CollectorFailureCategory, classify_failure, most_retryable

FAILED_SHARE = 0.2
REASONS_KEPT = 100


@dataclass
class SyncResult:
    """The counts of a sync, and the reasons of failures.

    The lists of ids grow with the source, so they are filled only if `SyncOptions.collect_ids` is set.
    """

    upserted: int = 0
    updated: int = 0
    deleted: int = 0
    unchanged: int = 0
    total: int = 0
    failed_count: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    """How many documents and chunks were left out, by reason."""
    failed_ids: list[str] = field(default_factory=list)
    attempted_source_ids: list[str] = field(default_factory=list)
    successful_source_ids: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    update_errors: list[str] = field(default_factory=list)
    failed_chunks: int = 0
    categories: set[CollectorFailureCategory] = field(default_factory=set)

    def blame(self, reason: str, error: BaseException | None = None, *, update: bool = False) -> None:
        """Count a failed chunk with its reason; the first hundred reasons are kept."""
        self.failed_chunks += 1
        self.categories.add(classify_failure(error) if error else CollectorFailureCategory.VALIDATION)
        reasons = self.update_errors if update else self.errors
        if len(reasons) < REASONS_KEPT:
            reasons.append(reason)

    @property
    def succeeded_chunks(self) -> int:
        """How many chunks are in the index and up to date."""
        return self.upserted + self.updated + self.unchanged

    def counts(self) -> dict[str, int]:
        """Return the totals under their names in XCom and `core.run`."""
        plain = {
            "documents": self.total,
            "uploaded": self.upserted,
            "updated": self.updated,
            "deleted": self.deleted,
            "unchanged": self.unchanged,
            "failed": self.failed_chunks,
        }
        return plain | {f"skipped_{reason}": number for reason, number in sorted(self.skipped.items())}

    def raise_if_failed(self) -> None:
        """Raise if more than a fifth of the chunks failed, or all of them."""
        every = self.succeeded_chunks + self.failed_chunks
        if self.failed_chunks and (not self.succeeded_chunks or self.failed_chunks > FAILED_SHARE * every):
            raise TooManyFailed(self, every)


class TooManyFailed(CollectorError):
    """Too many chunks of a sync failed; their source ids are on the list of failures."""

    def __init__(self, result: SyncResult, every: int) -> None:
        reasons = "; ".join(dict.fromkeys((result.errors + result.update_errors)[:3]))
        super().__init__(
            f"{result.failed_chunks:,} of {every:,} chunks failed, tried again by the next sync: {reasons}"
        )
        self._categories = frozenset(result.categories)

    @property
    def category(self) -> CollectorFailureCategory:  # type: ignore[override]
        """The most retryable category of the failures."""
        return most_retryable(self._categories, CollectorFailureCategory.VALIDATION)


def as_mapping(result: SyncResult) -> Mapping[str, object]:
    """Return the result under the predecessor's names, for reports."""
    return {
        "upserted": result.upserted,
        "updated": result.updated,
        "deleted": result.deleted,
        "unchanged": result.unchanged,
        "total": result.total,
        "failed_count": result.failed_count,
        "failed_ids": result.failed_ids,
        "attempted_source_ids": result.attempted_source_ids,
        "successful_source_ids": result.successful_source_ids,
        "errors": result.errors,
        "update_errors": result.update_errors,
        "skipped": dict(result.skipped),
    }
