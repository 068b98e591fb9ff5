"""The exceptions of the collectors, and the function that puts any exception into one of eight categories."""

from __future__ import annotations

from core.errors.classification import classify_failure
from core.errors.tree import (
    SCHEMA_MISSING,
    AuthenticationError,
    BrokenOff,
    CheckpointConflict,
    Closed,
    CollectorBusy,
    CollectorError,
    CollectorFailureCategory,
    ConfigurationError,
    DatabaseFailure,
    NotFound,
    PermissionDenied,
    RateLimited,
    RequestRefused,
    SourceUnavailable,
    Stopped,
    TooLarge,
    UnexpectedPayload,
    UnitsFailed,
    most_retryable,
    safe_message,
)

__all__ = [
    "SCHEMA_MISSING",
    "AuthenticationError",
    "BrokenOff",
    "CheckpointConflict",
    "Closed",
    "CollectorBusy",
    "CollectorError",
    "CollectorFailureCategory",
    "ConfigurationError",
    "DatabaseFailure",
    "NotFound",
    "PermissionDenied",
    "RateLimited",
    "RequestRefused",
    "SourceUnavailable",
    "Stopped",
    "TooLarge",
    "UnexpectedPayload",
    "UnitsFailed",
    "classify_failure",
    "most_retryable",
    "safe_message",
]
