"""The schedule file: which collector runs when. One YAML 1.2 file, checked to the last key."""

from __future__ import annotations

from core.schedule.loader import load_schedule, parse_schedule
from core.schedule.model import Group, Kind, Schedule, ScheduledTask, ScheduleError, ScheduleNotFound

__all__ = [
    "Group",
    "Kind",
    "Schedule",
    "ScheduleError",
    "ScheduleNotFound",
    "ScheduledTask",
    "load_schedule",
    "parse_schedule",
]
