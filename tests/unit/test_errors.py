"""The classification of failures: every row of the specification."""

from __future__ import annotations

import errno
import json
import subprocess
from typing import Any

import psycopg
import pytest
import requests
import urllib3
from airflow.sdk.exceptions import AirflowFailException, AirflowTaskTimeout

from core.errors import (
    AuthenticationError,
    ConfigurationError,
    DatabaseFailure,
    PermissionDenied,
    RateLimited,
    SourceUnavailable,
    UnexpectedPayload,
    UnitsFailed,
    classify_failure,
)


def http_error(status: int | None, headers: dict[str, str] | None = None) -> requests.HTTPError:
    if status is None:
        return requests.HTTPError(response=None)
    response = requests.Response()
    response.status_code = status
    response.headers.update(headers or {})
    return requests.HTTPError(response=response)


def foreign(package: str, name: str, bases: tuple[type, ...] = (Exception,), **attributes: Any) -> Exception:
    """Make an exception of a library that need not be installed."""
    kind = type(name, bases, {"__module__": f"{package}.errors"})
    error: Exception = kind("x")
    for key, value in attributes.items():
        setattr(error, key, value)
    return error


class Answer:
    def __init__(self, status: int) -> None:
        self.status_code = status
        self.headers: dict[str, str] = {}


def caused(outer: Exception, cause: BaseException) -> Exception:
    outer.__cause__ = cause
    return outer


class Postgres(psycopg.Error):
    def __init__(self, state: str) -> None:
        super().__init__("x")
        self.sqlstate = state


HTTP_EXCEPTION = foreign("discord", "HTTPException")

ROWS: list[tuple[BaseException, str]] = [
    # requests
    (http_error(429), "rate_limit"),
    (http_error(401), "auth"),
    (http_error(403), "auth"),
    (http_error(500), "network"),
    (http_error(None), "network"),
    (http_error(403, {"X-RateLimit-Remaining": "0"}), "rate_limit"),
    (http_error(408), "timeout"),
    (http_error(504), "timeout"),
    (requests.exceptions.ReadTimeout(), "timeout"),
    (requests.exceptions.SSLError(), "network"),
    (requests.exceptions.ChunkedEncodingError(), "network"),
    (requests.exceptions.JSONDecodeError("x", "y", 0), "validation"),
    # the operating system
    (OSError(errno.EPIPE, "x"), "network"),
    (OSError(errno.ENOSPC, "x"), "unknown"),
    (OSError(errno.EIO, "x"), "unknown"),
    (OSError(0, "x", None, 10061), "network"),
    (FileNotFoundError("x"), "unknown"),
    (PermissionError("x"), "permission"),
    (TimeoutError(), "timeout"),
    (ConnectionResetError(), "network"),
    # values
    (ValueError("x"), "validation"),
    (json.JSONDecodeError("x", "y", 0), "validation"),
    (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x"), "validation"),
    (foreign("pydantic_core", "ValidationError"), "validation"),
    # urllib3, httpx, aiohttp
    (urllib3.exceptions.ReadTimeoutError(None, "/", "x"), "timeout"),  # type: ignore[arg-type]
    (urllib3.exceptions.ProtocolError("x"), "network"),
    (foreign("httpx", "ConnectTimeout"), "timeout"),
    (foreign("httpx", "HTTPStatusError", response=Answer(429)), "rate_limit"),
    (foreign("httpx", "HTTPStatusError", response=Answer(502)), "network"),
    (foreign("httpx", "ConnectError"), "network"),
    # discord, slack
    (foreign("discord", "HTTPException", status=404), "unknown"),
    (foreign("discord", "HTTPException", status=503), "network"),
    (foreign("discord", "HTTPException", status=429), "rate_limit"),
    (HTTP_EXCEPTION, "network"),
    (foreign("discord", "LoginFailure"), "auth"),
    (foreign("discord_activity_tracker", "HTTPException"), "unknown"),
    (foreign("slack_sdk", "SlackApiError", response=Answer(401)), "auth"),
    (foreign("slack_sdk", "SlackApiError", response=Answer(500)), "network"),
    (foreign("slack_sdk", "SlackApiError"), "unknown"),
    # databases
    (Postgres("08006"), "network"),
    (Postgres("57P01"), "network"),
    (Postgres("57014"), "timeout"),
    (Postgres("23505"), "unknown"),
    (psycopg.OperationalError("x"), "network"),
    (DatabaseFailure("x", sqlstate="57P03"), "network"),
    # git
    (subprocess.TimeoutExpired("git", 1), "timeout"),
    (subprocess.CalledProcessError(128, "git", stderr=b"fatal: Authentication failed"), "auth"),
    (subprocess.CalledProcessError(128, "git", stderr="fatal: Could not resolve host: x"), "network"),
    (subprocess.CalledProcessError(128, "git", stderr="fatal: early EOF"), "network"),
    (subprocess.CalledProcessError(128, "git", stderr="fatal: bad object"), "unknown"),
    # Airflow
    (AirflowFailException("x"), "command"),
    (AirflowTaskTimeout(), "timeout"),
    # ours
    (ConfigurationError("x"), "command"),
    (AuthenticationError("x"), "auth"),
    (PermissionDenied("x"), "permission"),
    (RateLimited("x", retry_after=1), "rate_limit"),
    (SourceUnavailable("x"), "network"),
    (SourceUnavailable("x", timed_out=True), "timeout"),
    (caused(SourceUnavailable("x"), TimeoutError()), "timeout"),
    (UnexpectedPayload("x", source="s", identifier="i"), "validation"),
    # causes
    (caused(RuntimeError(), requests.exceptions.ConnectTimeout()), "timeout"),
    (RuntimeError("x"), "unknown"),
]


@pytest.mark.parametrize(
    ("error", "category"), ROWS, ids=lambda v: type(v).__name__ if isinstance(v, BaseException) else v
)
def test_category(error: BaseException, category: str) -> None:
    assert classify_failure(error) == category


def test_circular_and_long_chains_of_causes_end() -> None:
    first, second = RuntimeError("a"), RuntimeError("b")
    first.__cause__, second.__cause__ = second, first
    assert classify_failure(first) == "unknown"
    deep: Exception = TimeoutError()
    for _ in range(8):
        deep = caused(RuntimeError(), deep)
    assert classify_failure(deep) == "unknown"


def test_a_suppressed_context_is_not_a_cause() -> None:
    error = RuntimeError("x")
    error.__context__, error.__suppress_context__ = TimeoutError(), True
    assert classify_failure(error) == "unknown"


def test_failed_units_are_as_retryable_as_the_most_retryable_one() -> None:
    failures = {
        "a": AuthenticationError("x"),
        "b": RateLimited("y", retry_after=30),
        "c": SourceUnavailable("z"),
    }
    error = UnitsFailed(failures, {n: classify_failure(e) for n, e in failures.items()}, 4)
    assert classify_failure(error) == "rate_limit"
    assert error.retry_after == 30
    assert "3 of 4 failed" in str(error)
    only = UnitsFailed({"a": failures["a"]}, {"a": classify_failure(failures["a"])}, 4)
    assert classify_failure(only) == "auth"
