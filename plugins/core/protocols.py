"""The shapes that cross boundaries. Small frozen dataclasses satisfy them; plain dicts do not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class TrackerResult(Protocol):
    """What a collector reports at its end."""

    @property
    def success(self) -> bool:
        """Success."""

    @property
    def counts(self) -> Mapping[str, int]:
        """Counts."""


@runtime_checkable
class ActivityRecord(Protocol):
    """One thing that somebody did somewhere."""

    @property
    def source_system(self) -> str:
        """Source system."""

    @property
    def external_id(self) -> str:
        """External id."""

    @property
    def occurred_at(self) -> str:
        """Occurred at."""

    @property
    def activity_type(self) -> str:
        """Activity type."""

    @property
    def actor_external_id(self) -> str:
        """Actor external id."""

    @property
    def source_url(self) -> str | None:
        """Source url."""

    @property
    def summary(self) -> str:
        """Summary."""


@runtime_checkable
class IncrementalState(Protocol):
    """Where a stream was left."""

    @property
    def checkpoint_token(self) -> str | None:
        """Checkpoint token."""

    @property
    def human_readable_marker(self) -> str | None:
        """Human readable marker."""

    @property
    def extras(self) -> Mapping[str, Any]:
        """Extras."""


@dataclass(frozen=True)
class Collected:
    """The `TrackerResult` that collectors return."""

    success: bool = True
    counts: Mapping[str, int] = field(default_factory=dict)


def require_tracker_result(value: object) -> TrackerResult:
    """Return `value` if it is a tracker result, else raise TypeError naming what it is."""
    if isinstance(value, TrackerResult):
        return value
    raise TypeError(f"a TrackerResult is needed, not {type(value).__name__}")


def require_activity_record(value: object) -> ActivityRecord:
    """Return `value` if it is an activity record, else raise TypeError naming what it is."""
    if isinstance(value, ActivityRecord):
        return value
    raise TypeError(f"an ActivityRecord is needed, not {type(value).__name__}")


def require_incremental_state(value: object) -> IncrementalState:
    """Return `value` if it is an incremental state, else raise TypeError naming what it is."""
    if isinstance(value, IncrementalState):
        return value
    raise TypeError(f"an IncrementalState is needed, not {type(value).__name__}")
