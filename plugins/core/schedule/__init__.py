"""The schedule file, which defines when each collector runs: one YAML 1.2 file, fully validated."""

from __future__ import annotations

from core.schedule.loader import load_schedule, parse_schedule
from core.schedule.model import Group, Schedule, ScheduledTask, ScheduleError, ScheduleKind, ScheduleNotFound

__all__ = [
    "Group",
    "Schedule",
    "ScheduleError",
    "ScheduleKind",
    "ScheduleNotFound",
    "ScheduledTask",
    "load_schedule",
    "parse_schedule",
]
