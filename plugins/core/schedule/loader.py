"""Reads the schedule file. Validation stops at the first error and includes disabled tasks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from core.commands import COMMANDS
from core.errors import ConfigurationError
from core.schedule import fields
from core.schedule.model import Group, Schedule, ScheduledTask, ScheduleError, ScheduleKind, ScheduleNotFound

Parser = Callable[[Sequence[str]], object]
TOP_KEYS = ("groups",)
GROUP_KEYS = ("default_time", "tasks", "description", "tags", "paused", "stop_on_failure")
TASK_KEYS = (
    "command",
    "schedule",
    "enabled",
    "args",
    "id",
    "retries",
    "timeout_minutes",
    "pool",
    "catch_up",
)
KIND_KEYS: dict[ScheduleKind, tuple[str, ...]] = {
    ScheduleKind.DAILY: (),
    ScheduleKind.ON_RELEASE: (),
    ScheduleKind.WEEKLY: ("on", "day_of_week"),
    ScheduleKind.MONTHLY: ("on", "day_of_month"),
    ScheduleKind.INTERVAL: ("minutes",),
}
ALL_TASK_KEYS = (*TASK_KEYS, "on", "day_of_week", "day_of_month", "minutes")


def load_schedule(path: str | Path | None, parsers: Mapping[str, Parser] | None = None) -> Schedule:
    """Read and check the file at `path`.

    :param parsers: the option parser of each declared command; `args` of other commands are not checked.
    """
    if not path:
        raise ScheduleError("load_config requires a path")
    file = Path(path)
    if not file.is_file():
        raise ScheduleNotFound(f"Schedule YAML not found: {file} (set BOOST_COLLECTOR_SCHEDULE_YAML)")
    return parse_schedule(file.read_text(encoding="utf-8"), parsers)


def parse_schedule(text: str, parsers: Mapping[str, Parser] | None = None) -> Schedule:
    """Read and check the text of a schedule file. In YAML 1.2, `on` and `16:10` are texts."""
    # Imported here, because only parsing needs the YAML library, not every module that uses a Group.
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        document = YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        raise ScheduleError(f"Schedule YAML cannot be read: {_one_line(error)}") from None
    if not isinstance(document, Mapping) or not document:
        raise ScheduleError("Schedule YAML must be a dict with 'groups'")
    groups = document.get("groups")
    if not isinstance(groups, Mapping) or not groups:
        found = ", ".join(map(repr, document))
        raise ScheduleError(f"Schedule YAML must have 'groups' (dict); it has {found}")
    _check_keys(document, TOP_KEYS, "the file")
    warnings: list[str] = []
    read = tuple(_group(group_id, body, parsers or {}, warnings) for group_id, body in groups.items())
    return Schedule(read, tuple(warnings))


def _one_line(error: Exception) -> str:
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    mark = getattr(error, "problem_mark", None)
    return f"line {mark.line + 1}: {problem}" if mark else str(problem)


def _check_keys(body: Mapping[Any, Any], known: Sequence[str], where: str) -> None:
    for key in body:
        if key not in known:
            close = get_close_matches(str(key), known, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
            raise ScheduleError(f"{where} has an unknown key {key!r}; {hint}")


def _group(group_id: Any, body: Any, parsers: Mapping[str, Parser], warnings: list[str]) -> Group:
    if not isinstance(group_id, str) or not group_id.strip():
        raise ScheduleError("Group id must be a non-empty string")
    if not isinstance(body, Mapping):
        raise ScheduleError(f"Group '{group_id}' must be a dict")
    where = f"Group '{group_id}'"
    hour, minute = fields.time_of_day(body.get("default_time"), where)
    tasks = body.get("tasks")
    if not isinstance(tasks, list):
        raise ScheduleError(f"{where} must have 'tasks' (list)")
    fields.airflow_id(group_id, where)
    _check_keys(body, GROUP_KEYS, where)
    if "paused" in body and body["paused"] is not False:
        raise ScheduleError(
            f"{where}: 'paused' may only be false (a DAG is created paused unless its group says so)"
        )
    read = _with_ids([_task(task, group_id, parsers) for task in tasks])
    for task in read:
        fields.airflow_id(task.id, f"{where}, task '{task.id}'", prefix=group_id)
    _check_unique(read, where)
    group = Group(
        id=group_id,
        hour=hour,
        minute=minute,
        tasks=read,
        description=fields.text(body, "description", where),
        tags=tuple(fields.texts(body, "tags", where)),
        paused=body.get("paused", True),
        stop_on_failure=fields.flag(body, "stop_on_failure", where, False),
    )
    warnings += _overlaps(group, where)
    return group


def _task(body: Any, group_id: str, parsers: Mapping[str, Parser]) -> ScheduledTask:
    if not isinstance(body, Mapping):
        raise ScheduleError(f"Task in group '{group_id}' must be a dict")
    where = f"Task in group '{group_id}'"
    command = body.get("command")
    if not isinstance(command, str) or not command.strip():
        raise ScheduleError(f"{where} must have 'command' (non-empty string)")
    where = f"Task '{command}' in group '{group_id}'"
    kind = fields.kind(body.get("schedule"), where)
    day, minutes = _when(kind, body, where)
    enabled = fields.flag(body, "enabled", where, True)
    args = tuple(fields.args(body, where))
    _check_keys(body, ALL_TASK_KEYS, where)
    for key in set(ALL_TASK_KEYS) - set(TASK_KEYS) - set(KIND_KEYS[kind]):
        if key in body:
            raise ScheduleError(f"{where}: '{key}' does not belong to 'schedule: {kind}'")
    fields.known(command, COMMANDS | parsers.keys(), where, "command")
    if command in parsers:
        _check_args(parsers[command], args, where)
    return ScheduledTask(
        id=fields.text(body, "id", where),
        command=command,
        kind=kind,
        day=day,
        minutes=minutes,
        enabled=enabled,
        args=args,
        retries=fields.number(body, "retries", where, 0, 100),
        timeout_minutes=fields.number(body, "timeout_minutes", where, 1, 7 * 24 * 60),
        pool=fields.text(body, "pool", where) or None,
        catch_up=fields.flag(body, "catch_up", where, False),
    )


def _when(kind: ScheduleKind, body: Mapping[str, Any], where: str) -> tuple[int | None, int | None]:
    if kind is ScheduleKind.WEEKLY:
        return fields.weekday(body.get("on") or body.get("day_of_week"), where), None
    if kind is ScheduleKind.MONTHLY:
        return fields.day_of_month(body["on"] if "on" in body else body.get("day_of_month"), where), None
    if kind is ScheduleKind.INTERVAL:
        return None, fields.minutes(body, where)
    return None, None


def _check_args(parser: Parser, args: tuple[str, ...], where: str) -> None:
    try:
        parser(args)
    except ConfigurationError as error:
        raise ScheduleError(f"{where}: 'args' are not valid for the command: {error}") from None


def _with_ids(tasks: list[ScheduledTask]) -> tuple[ScheduledTask, ...]:
    """Give ids to tasks without one: the command, or `<command>__<schedule>` if the command occurs twice.

    Tasks that have an id and tasks of another DAG are not counted, so that an id does not change when an
    unrelated task is added, enabled or disabled.
    """
    unnamed = [t for t in tasks if not t.id]
    occurrences = Counter((t.command, t.minutes) for t in unnamed)
    used = {(t.id, t.minutes) for t in tasks if t.id}
    result = []
    for task in tasks:
        if not task.id:
            is_only = occurrences[task.command, task.minutes] == 1
            base = task.command if is_only else f"{task.command}__{task.kind}"
            name, number = base, 2
            while (name, task.minutes) in used:
                name, number = f"{base}__{number}", number + 1
            used.add((name, task.minutes))
            task = fields.renamed(task, name)
        result.append(task)
    return tuple(result)


def _check_unique(tasks: tuple[ScheduledTask, ...], where: str) -> None:
    for (task_id, _), times in Counter((t.id, t.minutes) for t in tasks).items():
        if times > 1:
            raise ScheduleError(f"{where} has {times} tasks with the id '{task_id}'")


def _overlaps(group: Group, where: str) -> list[str]:
    """Return a warning for each pair of tasks with the same command and args that can be due on one day."""
    return [
        f"{where}: '{later.id}' ({later.when()}) repeats '{earlier.id}' ({earlier.when()});"
        " on days when both are due, the later one is skipped"
        for later in group.batch
        for earlier in group.repeated_by(later)
        if not (earlier.kind is later.kind is ScheduleKind.WEEKLY and earlier.day != later.day)
    ]
