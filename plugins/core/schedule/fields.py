"""Reads single values of the schedule file. Types are strict: booleans and floats are not numbers."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from core.schedule.model import WEEKDAYS, ScheduledTask, ScheduleError, ScheduleKind

TIME = re.compile(r"(\d{1,2}):(\d{2})", re.ASCII)
AIRFLOW_ID = re.compile(r"[A-Za-z0-9_.-]+", re.ASCII)
WEEKDAY_NUMBERS = {name: n for n, full in enumerate(WEEKDAYS) for name in (full, full[:3])}
MAX_MINUTES = 180


def time_of_day(value: Any, where: str) -> tuple[int, int]:
    """Read `HH:MM`."""
    if not isinstance(value, str) or not value.strip():
        raise ScheduleError(f"{where} must have 'default_time' (\"HH:MM\", UTC)")
    match = TIME.fullmatch(value.strip())
    if match is None or int(match[1]) > 23 or int(match[2]) > 59:
        raise ScheduleError(f'{where}: Invalid time {value!r}; write "HH:MM" between 00:00 and 23:59')
    return int(match[1]), int(match[2])


def kind(value: Any, where: str) -> ScheduleKind:
    """Read one of the five kinds of schedule."""
    if not isinstance(value, str) or value not in list(ScheduleKind):
        raise ScheduleError(f"{where}: 'schedule' must be one of {', '.join(ScheduleKind)}")
    return ScheduleKind(value)


def weekday(value: Any, where: str) -> int:
    """Read a weekday, by its full name or its first three letters."""
    number = WEEKDAY_NUMBERS.get(value.strip().lower()) if isinstance(value, str) else None
    if number is None:
        raise ScheduleError(
            f"{where}: 'schedule: weekly' requires 'on': monday..sunday or mon..sun, not {value!r}"
        )
    return number


def day_of_month(value: Any, where: str) -> int:
    """Read 1-31, as a number or as a text of digits."""
    day = _whole(value)
    if day is None or not 1 <= day <= 31:
        raise ScheduleError(f"{where}: 'schedule: monthly' requires 'on' (1-31), not {value!r}")
    return day


def minutes(body: Mapping[str, Any], where: str) -> int:
    """Read the minutes of an interval task."""
    if "minutes" not in body:
        raise ScheduleError(f"{where}: 'schedule: interval' requires 'minutes'")
    found = _whole(body["minutes"])
    if found is None:
        raise ScheduleError(f"{where}: 'minutes' must be an integer, not {body['minutes']!r}")
    if not 1 <= found <= MAX_MINUTES:
        raise ScheduleError(f"{where}: 'minutes' must be 1-{MAX_MINUTES}, not {found}")
    return found


def _whole(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, str) and re.fullmatch(r"\s*\d+\s*", value, re.ASCII) else None


def flag(body: Mapping[str, Any], key: str, where: str, default: bool) -> bool:
    """Read a boolean; null and texts are errors."""
    value = body.get(key, default)
    if not isinstance(value, bool):
        raise ScheduleError(f"{where}: '{key}' must be boolean (true or false), not {value!r}")
    return value


def text(body: Mapping[str, Any], key: str, where: str) -> str:
    """Read an optional text."""
    value = body.get(key, "")
    if not isinstance(value, str):
        raise ScheduleError(f"{where}: '{key}' must be a string, not {value!r}")
    return value.strip()


def texts(body: Mapping[str, Any], key: str, where: str) -> list[str]:
    """Read an optional list of texts."""
    value = body.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ScheduleError(f"{where}: '{key}' must be a list of strings")
    return value


def args(body: Mapping[str, Any], where: str) -> list[str]:
    """Read the options of a command."""
    value = body.get("args", [])
    if not isinstance(value, list):
        raise ScheduleError(f"{where}: 'args' must be a list of strings")
    for index, item in enumerate(value):
        if not isinstance(item, str):
            raise ScheduleError(f"{where}: 'args[{index}]' must be a string, not {item!r}; put it in quotes")
    return value


def number(body: Mapping[str, Any], key: str, where: str, least: int, most: int) -> int | None:
    """Read an optional whole number."""
    if key not in body:
        return None
    value: object = body[key]
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ScheduleError(f"{where}: '{key}' must be a whole number {least}-{most}, not {value!r}")
    return value


def known(value: str, names: Collection[str], where: str, what: str) -> None:
    """Raise if a name does not exist, with the most similar one as a hint."""
    if value not in names:
        close = get_close_matches(value, sorted(names), 1)
        hint = f"did you mean '{close[0]}'?" if close else f"known: {', '.join(sorted(names))}"
        raise ScheduleError(f"{where}: unknown {what}; {hint}")


def airflow_id(value: str, where: str, prefix: str = "") -> None:
    """Raise if a text cannot be part of an Airflow id."""
    if not AIRFLOW_ID.fullmatch(value):
        raise ScheduleError(f"{where}: ids may contain only letters, digits and . _ -")
    if len(prefix) + len(value) > 250 - len("collect_"):
        raise ScheduleError(f"{where}: group id and task id are too long for Airflow; shorten one of them")


def renamed(task: ScheduledTask, task_id: str) -> ScheduledTask:
    """Return a copy of the task with this id."""
    return replace(task, id=task_id)
