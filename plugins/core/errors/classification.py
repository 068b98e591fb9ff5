"""Maps any exception to one of eight categories. The first rule that recognises the exception decides.

Libraries are recognised by their top-level package and type names, so none of them has to be installed.
"""

from __future__ import annotations

import errno
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

from core.errors.tree import CollectorError, CollectorFailureCategory

Category = CollectorFailureCategory
Rule = Callable[[BaseException], Category | None]

NETWORK_ERRNOS = frozenset(
    getattr(errno, name)
    for name in (
        "EPIPE ECONNRESET ECONNREFUSED ENOTCONN ECONNABORTED ENETUNREACH EHOSTUNREACH ENETDOWN ETIMEDOUT "
        "EADDRINUSE EADDRNOTAVAIL ENETRESET ESHUTDOWN EMSGSIZE ENOBUFS"
    ).split()
)
WINSOCK_NETWORK = frozenset(
    {10013, 10014, 10035, 10048, *range(10049, 10056), 10057, 10058, 10060, 10061, 10064, 10065}
)
GIT_AUTH = re.compile(r"authentication|\b403\b|repository not found|permission denied", re.IGNORECASE)
GIT_NETWORK = re.compile(r"could not resolve host|connection|early eof|rpc failed", re.IGNORECASE)
MAX_CAUSES = 8


def classify_failure(exc: BaseException) -> Category:
    """Return the category of `exc`, or of its first cause that has one."""
    for current in _chain(exc):
        category = _classify_one(current)
        if category is not Category.UNKNOWN:
            return category
    return Category.UNKNOWN


def _chain(exc: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = exc
    while current is not None and id(current) not in seen and len(seen) < MAX_CAUSES:
        seen.add(id(current))
        yield current
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)


def _classify_one(exc: BaseException) -> Category:
    for rule in RULES:
        category = rule(exc)
        if category is not None:
            return category
    return Category.UNKNOWN


def _is_of(exc: BaseException, *packages: str) -> bool:
    """Return whether the exception or one of its base classes belongs to one of these packages."""
    return any(kind.__module__.partition(".")[0] in packages for kind in type(exc).__mro__)


def _names(exc: BaseException) -> list[str]:
    return [kind.__name__ for kind in type(exc).__mro__]


def _by_status(status: Any, headers: Any = None) -> Category | None:
    if not isinstance(status, int):
        return None
    if status == 429:
        return Category.RATE_LIMIT
    if status in (401, 403):
        exhausted = headers is not None and (
            str(headers.get("X-RateLimit-Remaining", "")) == "0" or "Retry-After" in headers
        )
        return Category.RATE_LIMIT if status == 403 and exhausted else Category.AUTH
    return Category.TIMEOUT if status in (408, 504) else None


def _ours(exc: BaseException) -> Category | None:
    return exc.category if isinstance(exc, CollectorError) else None


def _airflow(exc: BaseException) -> Category | None:
    if not _is_of(exc, "airflow"):
        return None
    names = _names(exc)
    if "AirflowTaskTimeout" in names or "AirflowSensorTimeout" in names:
        return Category.TIMEOUT
    fail_fast = {"AirflowFailException", "ParamValidationError", "AirflowNotFoundException"}
    return Category.COMMAND if fail_fast.intersection(names) else None


def _validation(exc: BaseException) -> Category | None:
    if isinstance(exc, json.JSONDecodeError) or _names(exc)[0] == "JSONDecodeError":
        return Category.VALIDATION
    pydantic = _is_of(exc, "pydantic", "pydantic_core") and "ValidationError" in _names(exc)
    return Category.VALIDATION if pydantic else None


def _database(exc: BaseException) -> Category | None:
    if not _is_of(exc, "psycopg", "psycopg2", "sqlalchemy"):
        return None
    state = str(getattr(exc, "sqlstate", None) or getattr(exc, "pgcode", None) or "")
    if state == "57014":
        return Category.TIMEOUT
    lost = not state and "OperationalError" in _names(exc)
    return Category.NETWORK if lost or state[:2] == "08" or state[:4] == "57P0" else Category.UNKNOWN


def _builtin(exc: BaseException) -> Category | None:
    if isinstance(exc, PermissionError):
        return Category.PERMISSION
    if isinstance(exc, subprocess.TimeoutExpired):
        return Category.TIMEOUT
    return Category.TIMEOUT if isinstance(exc, TimeoutError) else None


def _requests(exc: BaseException) -> Category | None:
    if not _is_of(exc, "requests"):
        return None
    names = _names(exc)
    if "HTTPError" in names:
        response = getattr(exc, "response", None)
        status = _by_status(getattr(response, "status_code", None), getattr(response, "headers", None))
        return status or Category.NETWORK
    if "SSLError" in names:
        return Category.NETWORK
    if names[0].endswith("Timeout"):
        return Category.TIMEOUT
    return Category.NETWORK if {"ConnectionError", "ChunkedEncodingError"}.intersection(names) else None


def _urllib3(exc: BaseException) -> Category | None:
    if not _is_of(exc, "urllib3"):
        return None
    return Category.TIMEOUT if _names(exc)[0].endswith("TimeoutError") else Category.NETWORK


def _httpx(exc: BaseException) -> Category | None:
    if not _is_of(exc, "httpx", "aiohttp"):
        return None
    name = _names(exc)[0]
    if "Timeout" in name:
        return Category.TIMEOUT
    response = getattr(exc, "response", None)
    status = getattr(response, "status_code", None) or getattr(exc, "status", None)
    if isinstance(status, int):
        return _by_status(status, getattr(response, "headers", None)) or Category.NETWORK
    network = name == "HTTPStatusError" or name.startswith(("Transport", "Connect", "Client", "Server"))
    return Category.NETWORK if network or "TransportError" in _names(exc) else None


def _discord(exc: BaseException) -> Category | None:
    if not _is_of(exc, "discord"):
        return None
    status = getattr(exc, "status", None)
    if isinstance(status, int):
        if (known := _by_status(status)) in (Category.RATE_LIMIT, Category.AUTH):
            return known
        return Category.UNKNOWN if 400 <= status < 500 else Category.NETWORK
    names = set(_names(exc))
    if names & {"LoginFailure", "PrivilegedIntentsRequired", "ClientException"}:
        return Category.AUTH
    return Category.NETWORK if "HTTPException" in names else None


def _slack(exc: BaseException) -> Category | None:
    if not _is_of(exc, "slack_sdk"):
        return None
    status = getattr(getattr(exc, "response", None), "status_code", None)
    if not isinstance(status, int):
        return Category.UNKNOWN
    return _by_status(status) or (Category.NETWORK if status >= 400 else Category.UNKNOWN)


def _git(exc: BaseException) -> Category | None:
    if not isinstance(exc, subprocess.CalledProcessError):
        return None
    stderr = exc.stderr or ""
    text = stderr.decode("utf-8", "replace") if isinstance(stderr, bytes) else str(stderr)
    if GIT_AUTH.search(text):
        return Category.AUTH
    return Category.NETWORK if GIT_NETWORK.search(text) else Category.UNKNOWN


def _os_error(exc: BaseException) -> Category | None:
    if not isinstance(exc, OSError):
        return None
    if isinstance(exc, ConnectionError) or exc.errno in NETWORK_ERRNOS:
        return Category.NETWORK
    windows = getattr(exc, "winerror", None) or (exc.args[3] if len(exc.args) > 3 else None)
    return Category.NETWORK if windows in WINSOCK_NETWORK else Category.UNKNOWN


def _value_error(exc: BaseException) -> Category | None:
    return Category.VALIDATION if isinstance(exc, ValueError) else None


RULES: tuple[Rule, ...] = (
    _ours,
    _airflow,
    _validation,
    _database,
    _builtin,
    _requests,
    _urllib3,
    _httpx,
    _discord,
    _slack,
    _git,
    _os_error,
    _value_error,
)
