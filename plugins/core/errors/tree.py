"""The exceptions of the collectors. Each knows its category; messages name the remedy, never a secret."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from core.redaction import redact, redact_addresses

LONGEST_MESSAGE = 2000


class CollectorFailureCategory(StrEnum):
    """The eight kinds of failure that logs, metrics and the retry policy speak of."""

    UNKNOWN = "unknown"
    VALIDATION = "validation"
    AUTH = "auth"
    PERMISSION = "permission"
    RATE_LIMIT = "rate_limit"
    NETWORK = "network"
    TIMEOUT = "timeout"
    COMMAND = "command"


class CollectorError(Exception):
    """Root of all failures that we raise ourselves."""

    category: CollectorFailureCategory = CollectorFailureCategory.UNKNOWN
    retry_after: float | None = None
    failures_in_a_row: int | None = None
    """How often this category failed since the task was last cleared; set by the operator."""


class ConfigurationError(CollectorError):
    """A param, setting, connection or file is missing or wrong. Retrying cannot help."""

    category = CollectorFailureCategory.COMMAND


class AuthenticationError(CollectorError):
    """The source does not accept our credentials."""

    category = CollectorFailureCategory.AUTH


class PermissionDenied(CollectorError):
    """The source knows us and its own error code says that a scope or an access is missing."""

    category = CollectorFailureCategory.PERMISSION


class RateLimited(CollectorError):
    """The source asks us to come back later; `retry_after` says in how many seconds."""

    category = CollectorFailureCategory.RATE_LIMIT

    def __init__(self, message: str, *, retry_after: float, guessed: bool = False) -> None:
        super().__init__(message)
        self.retry_after = max(0.0, retry_after)
        self.guessed = guessed
        """Whether the source did not say how long, so that waiting begins short and doubles."""


class SourceUnavailable(CollectorError):
    """The source cannot be reached or answers with its own failure. A timeout if that was the cause."""

    def __init__(
        self,
        message: str,
        *,
        timed_out: bool = False,
        retry_after: float | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.timed_out = timed_out
        self.retry_after = retry_after

    @property
    def category(self) -> CollectorFailureCategory:  # type: ignore[override]
        """Timeout if we waited in vain (or the cause did), else network."""
        slow = self.timed_out or isinstance(self.__cause__, TimeoutError)
        return CollectorFailureCategory.TIMEOUT if slow else CollectorFailureCategory.NETWORK


class BrokenOff(SourceUnavailable):
    """An answer that ended before it was complete, every time it was asked for."""


class NotFound(CollectorError):
    """The source says that the thing asked for does not exist (404, 410)."""

    category = CollectorFailureCategory.VALIDATION


class RequestRefused(CollectorError):
    """The source refuses the request itself (a 4xx that is none of the others)."""

    category = CollectorFailureCategory.VALIDATION

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class UnexpectedPayload(CollectorError):
    """An answer that is not what the source promises. Keeps who and what, never the body."""

    category = CollectorFailureCategory.VALIDATION

    def __init__(self, reason: str, *, source: str, identifier: str) -> None:
        super().__init__(f"{source}: {identifier}: {reason}")
        self.reason = reason
        self.source = source
        self.identifier = identifier


class TooLarge(UnexpectedPayload):
    """A body beyond the size that is taken; cut off while it streamed."""


class CollectorBusy(CollectorError):
    """Another task holds this collector's lock. Looked at again every minute."""

    category = CollectorFailureCategory.UNKNOWN
    retry_after = 60.0


class CheckpointConflict(CollectorError):
    """The checkpoint is no longer what this task read: another run of the collector moved it."""


SCHEMA_MISSING = ("42P01", "42703", "3F000")
"""Undefined table, column, schema: the migrations did not run."""


class DatabaseFailure(CollectorError):
    """A database error without the row values that drivers put into theirs."""

    def __init__(self, message: str, *, sqlstate: str | None) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate

    @property
    def category(self) -> CollectorFailureCategory:  # type: ignore[override]
        """Lost connections and server shutdowns are network, a cancelled statement is a timeout."""
        state = self.sqlstate or ""
        if state in SCHEMA_MISSING:
            return CollectorFailureCategory.COMMAND
        if state == "57014":
            return CollectorFailureCategory.TIMEOUT
        if state[:2] == "08" or state[:4] == "57P0" or state in ("40001", "40P01", "53300"):
            return CollectorFailureCategory.NETWORK
        return CollectorFailureCategory.UNKNOWN


class Stopped(KeyboardInterrupt):
    """Airflow asked this task to end. No `except Exception` swallows it, and psycopg rolls back cleanly."""


MOST_RETRYABLE = (
    CollectorFailureCategory.RATE_LIMIT,
    CollectorFailureCategory.NETWORK,
    CollectorFailureCategory.TIMEOUT,
    CollectorFailureCategory.UNKNOWN,
)


def most_retryable(
    categories: Iterable[CollectorFailureCategory], default: CollectorFailureCategory
) -> CollectorFailureCategory:
    """Return the category that stands for several: what may succeed later deserves the retry."""
    found = list(categories)
    return next((c for c in MOST_RETRYABLE if c in found), found[0] if found else default)


def safe_message(error: BaseException) -> str:
    """Return a message that may be logged and stored: of foreign exceptions without addresses."""
    text = redact(str(error))
    if not isinstance(error, CollectorError):
        text = f"{type(error).__name__}: {redact_addresses(text)}"
    return text[:LONGEST_MESSAGE]


class UnitsFailed(CollectorError):
    """Some units (lists, channels, repositories) failed; the others were collected."""

    def __init__(
        self,
        failures: Mapping[str, BaseException],
        categories: Mapping[str, CollectorFailureCategory],
        total: int,
    ) -> None:
        lines = "; ".join(
            f"{unit} ({categories[unit]}): {safe_message(error)}" for unit, error in failures.items()
        )
        super().__init__(f"{len(failures)} of {total} failed, the others are stored: {lines}")
        self.failures = dict(failures)
        self.categories = dict(categories)
        delays = [d for e in failures.values() if (d := getattr(e, "retry_after", None)) is not None]
        self.retry_after = min(delays, default=None)

    @property
    def category(self) -> CollectorFailureCategory:  # type: ignore[override]
        """The most retryable one of the units."""
        return most_retryable(self.categories.values(), CollectorFailureCategory.UNKNOWN)
