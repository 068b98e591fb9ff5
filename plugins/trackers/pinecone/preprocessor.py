"""Imports documents functions by their dotted paths, and binds their connection and arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from importlib import import_module
from inspect import signature
from typing import Any

from core.database import Conn
from core.documents import PreprocessFn
from core.errors import ConfigurationError


def load_preprocessor(path: str) -> Callable[..., Any]:
    """Import a documents function by its dotted path."""
    module_name, dot, name = path.strip().rpartition(".")
    if not dot or not module_name:
        raise ConfigurationError(f"preprocessor {path!r} must be a dotted path: package.module.function")
    try:
        module = import_module(module_name)
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"preprocessor {path}: there is no module {error.name}") from None
    function = getattr(module, name, None)
    if function is None:
        raise ConfigurationError(f"preprocessor {path}: module {module_name} has no {name}")
    if not callable(function):
        raise ConfigurationError(f"preprocessor {path} is not a function")
    return function  # type: ignore[no-any-return]


def bound(
    function: Callable[..., Any], conn: Conn, arguments: Mapping[str, Any] | None = None
) -> PreprocessFn:
    """Return the function as the sync calls it; it gets the connection if its first parameter is `conn`."""
    given = dict(arguments or {})
    takes_connection = next(iter(signature(function).parameters), "") == "conn"

    def preprocess(failed_ids: list[str], final_sync_at: datetime | None) -> Any:
        if takes_connection:
            return function(conn, failed_ids, final_sync_at, **given)
        return function(failed_ids, final_sync_at, **given)

    return preprocess
