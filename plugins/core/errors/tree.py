"""The exceptions of the collectors. Each has a category; messages name the remedy, never a secret."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from core.redaction import redact, redact_addresses
from core.text import one_line

LONGEST_MESSAGE = 2000
LONGEST_WAIT = 86_400.0
"""Seconds that a source can mean at most; some ask for years, or for ever."""


class CollectorFailureCategory(StrEnum):
    """The eight kinds of failure that logs, metrics and the retry policy distinguish."""

    UNKNOWN = "unknown"
    VALIDATION = "validation"
    AUTH = "auth"
    PERMISSION = "permission"
    RATE_LIMIT = "rate_limit"
    NETWORK = "network"
    TIMEOUT = "timeout"
    COMMAND = "command"


class CollectorError(Exception):
    """Base of all exceptions that our code raises."""

    category: CollectorFailureCategory = CollectorFailureCategory.UNKNOWN
    retry_after: float | None = None
    failures_in_a_row: int | None = None
    """How often this category failed since the task was last cleared; set by the operator."""


class ConfigurationError(CollectorError):
    """A param, setting, Connection or file is missing or wrong. A retry cannot help."""

    category = CollectorFailureCategory.COMMAND


class AuthenticationError(CollectorError):
    """The source does not accept our credentials."""

    category = CollectorFailureCategory.AUTH


class PermissionDenied(CollectorError):
    """The source accepts our credentials but reports that a permission or scope is missing."""

    category = CollectorFailureCategory.PERMISSION


class RateLimited(CollectorError):
    """The source asks us to wait; `retry_after` is the number of seconds."""

    category = CollectorFailureCategory.RATE_LIMIT

    def __init__(
        self, message: str, *, retry_after: float, guessed: bool = False, waited: bool = False
    ) -> None:
        super().__init__(message)
        self.waited = waited
        """Whether the request has waited in this process as long as it may."""
        self.retry_after = max(0.0, retry_after)
        self.guessed = guessed
        """Whether the source gave no time to wait, so that waits begin short and double."""


class SourceUnavailable(CollectorError):
    """The source cannot be reached or reports a failure of its own, or does not answer in time."""

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
        """Timeout if there was no answer in time, else network."""
        slow = self.timed_out or isinstance(self.__cause__, TimeoutError)
        return CollectorFailureCategory.TIMEOUT if slow else CollectorFailureCategory.NETWORK


class BrokenOff(SourceUnavailable):
    """An answer that ended before it was complete, at every try."""


class Closed(SourceUnavailable):
    """The client was closed while a request waited or was under way; it is not repeated."""


class NotFound(CollectorError):
    """The requested item does not exist in the source (404, 410)."""

    category = CollectorFailureCategory.VALIDATION


class RequestRefused(CollectorError):
    """The source refuses the request itself (any other 4xx)."""

    category = CollectorFailureCategory.VALIDATION

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class UnexpectedPayload(CollectorError):
    """An answer not in the source's documented form. Keeps source and item, never the body."""

    category = CollectorFailureCategory.VALIDATION

    def __init__(self, reason: str, *, source: str, identifier: str) -> None:
        super().__init__(f"{source}: {identifier}: {reason}")
        self.reason = reason
        self.source = source
        self.identifier = identifier


class TooLarge(UnexpectedPayload):
    """An answer larger than the limit; the download was cut off."""


class CollectorBusy(CollectorError):
    """Another task holds this collector's lock. Retried every minute."""

    category = CollectorFailureCategory.UNKNOWN
    retry_after = 60.0


class CheckpointConflict(CollectorError):
    """Another run of the collector moved the checkpoint after this task had read it."""


SCHEMA_MISSING = ("42P01", "42703", "3F000")
"""SQLSTATEs of an undefined table, column or schema: the migrations did not run."""


class DatabaseFailure(CollectorError):
    """A database error, without the row values that drivers put into their messages."""

    def __init__(self, message: str, *, sqlstate: str | None) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate

    @property
    def category(self) -> CollectorFailureCategory:  # type: ignore[override]
        """Network for lost connections and server shutdowns, timeout for a cancelled statement."""
        state = self.sqlstate or ""
        if state in SCHEMA_MISSING:
            return CollectorFailureCategory.COMMAND
        if state == "57014":
            return CollectorFailureCategory.TIMEOUT
        if state[:2] == "08" or state[:4] == "57P0" or state in ("40001", "40P01", "53300"):
            return CollectorFailureCategory.NETWORK
        return CollectorFailureCategory.UNKNOWN


class Stopped(KeyboardInterrupt):
    """Airflow stops this task. No `except Exception` catches it, and psycopg rolls back cleanly."""


MOST_RETRYABLE = (
    CollectorFailureCategory.RATE_LIMIT,
    CollectorFailureCategory.NETWORK,
    CollectorFailureCategory.TIMEOUT,
    CollectorFailureCategory.UNKNOWN,
)


def most_retryable(
    categories: Iterable[CollectorFailureCategory], default: CollectorFailureCategory
) -> CollectorFailureCategory:
    """Return the one of several categories that is most likely to succeed at a retry."""
    found = list(categories)
    return next((c for c in MOST_RETRYABLE if c in found), found[0] if found else default)


def safe_message(error: BaseException) -> str:
    """Return a message that is safe to log and store; those of other libraries lose e-mail addresses."""
    text = redact(str(error))
    if not isinstance(error, CollectorError):
        text = f"{type(error).__name__}: {redact_addresses(text)}"
    return text[:LONGEST_MESSAGE]


class UnitsFailed(CollectorError):
    """Some units (lists, channels, repositories) failed; the others were collected.

    :param not_tried: units that were left out because a limit was reached.
    """

    def __init__(
        self,
        failures: Mapping[str, BaseException],
        categories: Mapping[str, CollectorFailureCategory],
        total: int,
        not_tried: int = 0,
    ) -> None:
        reasons = one_line(
            "; ".join(
                f"{unit} ({categories[unit]}): {safe_message(error)}" for unit, error in failures.items()
            )
        )
        left_out = f" and {not_tried} not tried because a limit is reached" if not_tried else ""
        super().__init__(f"{len(failures)} of {total} failed{left_out}, the others are stored: {reasons}")
        self.failures = dict(failures)
        self.categories = dict(categories)
        self.not_tried = not_tried
        deciding = [e for unit, e in failures.items() if categories[unit] == self.category]
        delays = [d for e in deciding if (d := getattr(e, "retry_after", None)) is not None]
        self.retry_after = min(delays, default=None)

    @property
    def category(self) -> CollectorFailureCategory:  # type: ignore[override]
        """The most retryable category of the failed units."""
        return most_retryable(self.categories.values(), CollectorFailureCategory.UNKNOWN)
