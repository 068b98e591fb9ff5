"""Maps the exceptions of Pinecone's SDK to our errors. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from pinecone.errors.exceptions import ApiError, PineconeConnectionError, PineconeError, PineconeTimeoutError

from core.errors import (
    AuthenticationError,
    CollectorError,
    ConfigurationError,
    NotFound,
    RateLimited,
    RequestRefused,
    SourceUnavailable,
    UnexpectedPayload,
)
from core.redaction import redact, redact_addresses
from hooks.http.failures import failure_of, retry_after

WINDOW = 60.0
"""Pinecone's limits are per minute, and no answer reports how much of the minute remains."""
LONGEST_REASON = 300


class NamespaceNotFound(NotFound):
    """A namespace does not exist, so no record in it does."""


def failure_of_sdk(error: PineconeError, what: str, now: datetime) -> CollectorError:
    """Return the error that an exception of the SDK stands for, without values of records in its message."""
    if isinstance(error, PineconeTimeoutError):
        return SourceUnavailable(f"Pinecone, {what}: no answer in time", timed_out=True)
    if isinstance(error, PineconeConnectionError):
        return SourceUnavailable(f"Pinecone, {what}: the connection failed")
    if not isinstance(error, ApiError):
        reason = redact_addresses(redact(error.message))[:LONGEST_REASON]
        return UnexpectedPayload(reason, source="Pinecone", identifier=what)
    return _answered(error, what, now)


def _answered(error: ApiError, what: str, now: datetime) -> CollectorError:
    status = error.status_code
    headers: Mapping[str, str] = {k.title(): v for k, v in (getattr(error, "headers", None) or {}).items()}
    reason = redact_addresses(redact(error.message))[:LONGEST_REASON]
    message = f"Pinecone, {what}: {reason}"
    if status == 429:
        wait = retry_after(headers, b"", now)
        seconds = WINDOW if wait is None else wait
        free = f"rate limited (429), free in {seconds:.0f} s"
        return RateLimited(f"{message}; {free}", retry_after=seconds, guessed=wait is None)
    if status == 402:
        return ConfigurationError(f"{message}; pay for the account or upgrade it")
    if status in (401, 403):
        return AuthenticationError(f"{message}; check the API key in the password of the Connection")
    if status == 404 and "namespace not found" in reason.lower():
        return NamespaceNotFound(message)
    if status < 500 and status not in (404, 408):
        return RequestRefused(message, status=status)
    return failure_of(status, headers, b"", f"Pinecone, {what}", now)
