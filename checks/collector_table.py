"""Writes README's table of collectors from the schedule and from what the collectors declare."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from checks.source_code import ROOT
from core.schedule import Group, ScheduledTask, load_schedule
from operators.framework.registry import collector_for, parsers

PAGE = ROOT / "README.md"
SCHEDULE = ROOT / "include" / "schedule.yaml"
BEGIN, END = "<!-- collectors: written by `make docs` -->\n", "<!-- end of collectors -->\n"
HEAD = "| DAG | When (UTC) | Tasks | Lands in | Connection |\n|---|---|---|---|---|\n"


def table() -> str:
    """Return the table: a row for each DAG of the schedule in the repository."""
    schedule = load_schedule(SCHEDULE, parsers())
    return HEAD + "".join(row for group in schedule.groups for row in _rows(group))


def page() -> str:
    """Return README with the current table."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    if not rest or not after:
        raise ValueError(f"{PAGE.name} has no section between {BEGIN.strip()} and {END.strip()}")
    return f"{before}{BEGIN}{table()}{END}{after}"


def _rows(group: Group) -> Iterator[str]:
    if group.batch:
        yield _row(f"collect_{group.id}", f"daily {group.hour:02d}:{group.minute:02d}", group.batch)
    for minutes, tasks in group.intervals.items():
        yield _row(f"collect_{group.id}_every_{minutes}m", f"every {minutes} min", tasks)


def _row(dag_id: str, when: str, tasks: tuple[ScheduledTask, ...]) -> str:
    collectors = list(dict.fromkeys(collector_for(task.command) for task in tasks))
    names = [f"`{t.id}`" if t.when() == "daily" else f"`{t.id}` ({t.when()})" for t in tasks]
    tables = dict.fromkeys(f"`{table.fullname}`" for c in collectors for table in c.tables)
    hooks = dict.fromkeys(
        f"`{c.hook_type.default_conn_name}`, type {c.hook_type.hook_name}" for c in collectors
    )
    return f"| `{dag_id}` | {when} | {', '.join(names)} | {', '.join(tables)} | {', '.join(hooks)} |\n"


def main() -> int:
    """Write the table into README."""
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
