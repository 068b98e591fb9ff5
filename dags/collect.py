"""Builds one DAG per group of the schedule file, and one per group and interval.

Parsing reads only that file and the names of the pools.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import (
    DAG,
    Asset,
    BaseOperator,
    CronTriggerTimetable,
    DeltaTriggerTimetable,
    Param,
    TriggerRule,
    chain,
)

from core.retry import default_args
from core.schedule import Group, Schedule, ScheduledTask, ScheduleError, ScheduleKind, load_schedule
from core.settings import Settings
from operators.finalise import FinaliseOperator
from operators.framework.due import BatchOptions, ChainPosition
from operators.framework.group_docs import group_doc, task_doc
from operators.framework.recorded import RecordedOperator
from operators.framework.registry import COLLECTORS, Collector, collector_for, parsers
from operators.framework.release_sources import RELEASE_SOURCES
from operators.framework.trigger_form import form_params, section_params
from operators.pinecone_sync import PineconeSyncOperator, SelectPineconeSourcesOperator
from operators.sources import sources_of

POOLS = Path(__file__).resolve().parent.parent / "include" / "pools.json"
START = datetime(2026, 1, 1, tzinfo=UTC)


def build(schedule: Schedule) -> dict[str, DAG]:
    """Return the DAGs by id: one per group with a daily batch, and one per group and interval."""
    pools = frozenset({"default_pool", *json.loads(POOLS.read_text(encoding="utf-8"))})
    dags = []
    for group in schedule.groups:
        require_effect(group, pools)
        if group.batch:
            daily = CronTriggerTimetable(group.cron, timezone="UTC")
            dags.append(build_chain(group, group.id, group.batch, daily))
        for minutes, tasks in group.intervals.items():
            often = DeltaTriggerTimetable(timedelta(minutes=minutes))
            dags.append(build_chain(group, f"{group.id}_every_{minutes}m", tasks, often))
    return {dag.dag_id: dag for dag in dags}


def build_chain(group: Group, name: str, scheduled: tuple[ScheduledTask, ...], timetable: Any) -> DAG:
    """Return a DAG that runs its collectors in file order; each one runs even if an earlier one failed."""
    collectors = [collector_for(task.command) for task in scheduled]
    with DAG(
        dag_id=f"collect_{name}",
        dag_display_name=f"Collect {name.replace('_', ' ')}",
        description=group.description or None,
        schedule=timetable,
        start_date=START,
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=group.paused,
        tags=sorted({"collector", group.id, *group.tags, *(c.tracker for c in collectors)}),
        params=group_params(collectors, [task.id for task in scheduled]),
        doc_md=group_doc(group, scheduled, collectors),
        default_args=default_args(),
    ) as dag:
        tasks = [
            collector_task(collector, position_of(group, scheduled, number))
            for number, collector in enumerate(collectors)
        ]
        chain(
            *tasks,
            *sync_tasks(tasks),
            FinaliseOperator(
                task_id="finalise", group_id=name, trackers=[t.task_id for t in tasks], scheduled=scheduled
            ),
        )
    return dag


def sync_tasks(tasks: list[Any]) -> list[BaseOperator]:
    """Return the tasks that sync the collectors' sources; none if the collectors declare no source."""
    if not sources_of({task.command for task in tasks}):
        return []
    select = SelectPineconeSourcesOperator(
        task_id="select_pinecone_sources",
        collectors={task.task_id: task.command for task in tasks},
        trigger_rule=TriggerRule.ALL_DONE,
    )
    sync = PineconeSyncOperator.partial(
        task_id="pinecone_sync",
        pool="pinecone",
        trigger_rule=TriggerRule.ALL_DONE,
        map_index_template="{{ task.source['app_type'] }}",
        doc_md=task_doc(PineconeSyncOperator),
    ).expand(source=select.output)
    return [select, sync]


def group_params(collectors: list[Collector], task_ids: list[str]) -> dict[str, Param]:
    """Return the trigger form of a group."""
    operators: list[type[RecordedOperator[Any, Any]]] = list(dict.fromkeys(collectors))
    batch = section_params(BatchOptions, "Schedule", {"only": task_ids})
    if not sources_of({collector.command for collector in collectors}):
        return form_params(operators) | batch
    skip = Param(
        None,
        type=["null", "boolean"],
        title="Skip Pinecone",
        description_md="Only collect; the next run indexes what was collected.",
    )
    return {"skip_pinecone": skip} | form_params([*operators, PineconeSyncOperator]) | batch


def require_effect(group: Group, pools: frozenset[str]) -> None:
    """Raise if an option is valid but would silently have no effect."""
    problems = []
    for task in (t for t in group.tasks if t.enabled):
        if task.kind is ScheduleKind.ON_RELEASE and task.command in COLLECTORS and not RELEASE_SOURCES:
            problems.append(f"'{task.id}': no tracker knows Boost's releases yet")
        if task.catch_up and task.kind not in (ScheduleKind.WEEKLY, ScheduleKind.MONTHLY):
            problems.append(f"'{task.id}': 'catch_up' is for weekly and monthly tasks")
        if task.pool and task.pool not in pools:
            problems.append(f"'{task.id}': pool '{task.pool}' is not in include/pools.json")
    if problems:
        raise ScheduleError(f"Group '{group.id}': {'; '.join(problems)}")


def position_of(group: Group, chain: tuple[ScheduledTask, ...], number: int) -> ChainPosition:
    """Return the position of a task in its chain."""
    earlier = tuple(task.id for task in chain[:number])
    task = chain[number]
    return ChainPosition(task, group.id, group.repeated_by(task), earlier, group.stop_on_failure)


def collector_task(collector: Collector, position: ChainPosition) -> BaseOperator:
    """Return the Airflow task of one task in the schedule."""
    scheduled = position.scheduled
    given = {
        "retries": scheduled.retries,
        "pool": scheduled.pool,
        "execution_timeout": scheduled.timeout_minutes and timedelta(minutes=scheduled.timeout_minutes),
    }
    return collector(
        task_id=scheduled.id,
        args=scheduled.args,
        position=position,
        trigger_rule=TriggerRule.ALL_DONE,
        outlets=[Asset(name=f"boost/{collector.tracker}", uri=f"x-boost://{collector.tracker}")],
        doc_md=task_doc(collector),
        **{name: value for name, value in given.items() if value is not None},
    )


def load() -> dict[str, DAG]:
    """Return the DAGs of the schedule file; an invalid one is an import error unless strictness is off."""
    settings = Settings()
    try:
        schedule = load_schedule(settings.schedule_yaml, parsers())
        for warning in schedule.warnings:
            logging.getLogger(__name__).warning(warning)
        return build(schedule)
    except ScheduleError:
        if settings.schedule_strict:
            raise
        logging.getLogger(__name__).warning("no DAGs: the schedule file is invalid", exc_info=True)
        return {}


globals().update(load())
