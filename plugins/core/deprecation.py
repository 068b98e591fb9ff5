"""Deprecation of stable names: each warns for at least one release and names its replacement."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class NameDeprecated(DeprecationWarning):
    """A name that will be removed. Its own type, so that warning filters can select it."""


def warn_deprecated(name: str, *, since: str, gone_in: str, instead: str) -> None:
    """Warn that a deprecated name is used, pointing at the line that uses it."""
    message = f"{name} is deprecated since {since} and will be removed in {gone_in}; use {instead}"
    warnings.warn(message, NameDeprecated, stacklevel=3)


def deprecated(*, since: str, gone_in: str, instead: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a function so that every call warns."""

    def mark(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def called(*args: P.args, **kwargs: P.kwargs) -> R:
            name = f"{function.__module__}.{function.__qualname__}"
            warn_deprecated(name, since=since, gone_in=gone_in, instead=instead)
            return function(*args, **kwargs)

        return called

    return mark
