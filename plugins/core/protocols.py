"""The protocols that trackers share with other code. Small dataclasses satisfy them; plain dicts do not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class TrackerResult(Protocol):
    """The result that a collector returns."""

    @property
    def success(self) -> bool:
        """Whether the collector did everything that was requested."""

    @property
    def counts(self) -> Mapping[str, int]:
        """What was counted, by name; those of one unit, unless a run has many, are named `<unit>/<name>`."""


@runtime_checkable
class ActivityRecord(Protocol):
    """One action of one person in one source, such as a message sent or an issue opened."""

    @property
    def source_system(self) -> str:
        """The source, for example `mailing_list`."""

    @property
    def external_id(self) -> str:
        """The record's id in the source."""

    @property
    def occurred_at(self) -> str:
        """The time of the action, ISO 8601 in UTC with `Z`."""

    @property
    def activity_type(self) -> str:
        """The kind of action, for example `message`."""

    @property
    def actor_external_id(self) -> str:
        """The person's id in the source."""

    @property
    def source_url(self) -> str | None:
        """The address of the record's page in the source; None if it has none."""

    @property
    def summary(self) -> str:
        """One line of text, such as a subject or a title."""


@runtime_checkable
class IncrementalState(Protocol):
    """The position that a stream has reached."""

    @property
    def checkpoint_token(self) -> str | None:
        """The cursor that the next run continues from, in the source's own form."""

    @property
    def human_readable_marker(self) -> str | None:
        """The same position as text for a reader, such as a date."""

    @property
    def extras(self) -> Mapping[str, Any]:
        """Further values that the next run needs, as JSON can hold them."""


@dataclass(frozen=True)
class Collected:
    """The `TrackerResult` that collectors return."""

    success: bool = True
    counts: Mapping[str, int] = field(default_factory=dict)


def require_tracker_result(value: object) -> TrackerResult:
    """Return `value` if it is a tracker result, else raise a TypeError that names its type."""
    if isinstance(value, TrackerResult):
        return value
    raise TypeError(f"a TrackerResult is needed, not {type(value).__name__}")


def require_activity_record(value: object) -> ActivityRecord:
    """Return `value` if it is an activity record, else raise a TypeError that names its type."""
    if isinstance(value, ActivityRecord):
        return value
    raise TypeError(f"an ActivityRecord is needed, not {type(value).__name__}")


def require_incremental_state(value: object) -> IncrementalState:
    """Return `value` if it is an incremental state, else raise a TypeError that names its type."""
    if isinstance(value, IncrementalState):
        return value
    raise TypeError(f"an IncrementalState is needed, not {type(value).__name__}")
