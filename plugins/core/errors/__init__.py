"""What can go wrong, in one tree, and the one function that says which of eight kinds a failure is."""

from __future__ import annotations

from core.errors.classification import classify_failure
from core.errors.tree import (
    SCHEMA_MISSING,
    AuthenticationError,
    BrokenOff,
    CheckpointConflict,
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
