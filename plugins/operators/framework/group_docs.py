"""The documentation of a group's DAG and tasks in the UI, from the schedule and the collectors."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import getdoc
from typing import Any

from core.schedule import Group, ScheduledTask
from operators.framework.recorded import RecordedOperator
from operators.framework.registry import Collector

FAILURES = """
| Failure | Means | Do |
|---|---|---|
| `command` | a param, setting or Connection is missing or wrong | correct what the message names, clear |
| `auth`, `permission` | the source refuses our credentials | correct the Connection, then clear |
| `validation` | the source's answer is not in the documented form | look at the item that the log names |
| `rate_limit` | we sent too many requests | nothing: the task continues when the limit is reset |
| `network`, `timeout` | the source or the network is failing | nothing: the task is tried 5 times |
| `unknown` | none of these | read the log; the task is retried once |
"""

CLEARING = """
**Running again.** Clearing is always safe: stored rows are recognised, nothing is lost or duplicated, and a
killed run continues where it was. Clear a task **with downstream**, so that `finalise` checks the run again;
if only the collector is cleared, the run stays failed.
"""


def group_doc(group: Group, scheduled: Sequence[ScheduledTask], collectors: Sequence[Collector]) -> str:
    """Return the documentation of a group's DAG."""
    minutes = scheduled[0].minutes
    daily = f"daily at {group.hour:02d}:{group.minute:02d} UTC"
    when = f"every {minutes} minutes" if minutes else daily
    lines = "\n".join(
        f"| `{task.id}` | {task.when()} | {', '.join(f'`{table.fullname}`' for table in collector.tables)} |"
        for task, collector in zip(scheduled, collectors, strict=True)
    )
    return (
        f"{group.description}\n\nRuns {when}, one task after the other."
        f"\n\n| Task | Due | Lands in |\n|---|---|---|\n{lines}\n{_settings(collectors)}{FAILURES}{CLEARING}"
    )


def _settings(collectors: Sequence[Collector]) -> str:
    """Return the Variables of the sources, under Admin > Variables."""
    groups = dict.fromkeys(c.settings_group for c in collectors if c.settings_group)
    lines = [
        f"| `bdc_{name}` | {setting.doc} |"
        for group in groups
        for name, setting in group.declared().items()
        if setting.variable
    ]
    return "\n".join(["\n| Variable | Meaning |\n|---|---|", *lines, ""]) if lines else ""


def task_doc(collector: type[RecordedOperator[Any, Any]]) -> str:
    """Return the documentation of a task."""
    return f"{getdoc(collector)}\n{CLEARING}"
