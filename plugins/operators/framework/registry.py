"""The registry of collectors by command: every collector class in `operators/*_collector.py`."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, Mapping
from importlib import import_module

import operators
from core.options import parse_args
from core.schedule import ScheduleError
from core.schedule.loader import Parser
from operators.collector import CollectorOperator

Collector = type[CollectorOperator]  # type: ignore[type-arg]
SUFFIX = "_collector"


def _declared() -> Iterator[Collector]:
    for info in sorted(pkgutil.iter_modules(operators.__path__), key=lambda module: module.name):
        if not info.name.endswith(SUFFIX):
            continue
        module = import_module(f"operators.{info.name}")
        for value in vars(module).values():
            if (
                isinstance(value, type)
                and issubclass(value, CollectorOperator)
                and value.__module__ == module.__name__
                and hasattr(value, "command")
            ):
                yield value


def _by_command() -> dict[str, Collector]:
    found: dict[str, Collector] = {}
    for collector in _declared():
        other = found.setdefault(collector.command, collector)
        if other is not collector:
            raise TypeError(f"{other.__name__} and {collector.__name__} both declare {collector.command}")
    return found


COLLECTORS: Mapping[str, Collector] = _by_command()


def collector_for(command: str) -> Collector:
    """Return the operator of a command, or raise a `ScheduleError` if it does not exist yet."""
    try:
        return COLLECTORS[command]
    except KeyError:
        known = ", ".join(sorted(COLLECTORS))
        raise ScheduleError(
            f"no operator runs {command} yet; remove or disable the task (known: {known})"
        ) from None


def parsers() -> dict[str, Parser]:
    """Return the option parser of each command, for checking the schedule's `args`."""

    def parser_of(operator: Collector) -> Parser:
        return lambda args: operator.options_type(**parse_args(operator.options_type, args)).check()

    return {command: parser_of(operator) for command, operator in COLLECTORS.items()}
