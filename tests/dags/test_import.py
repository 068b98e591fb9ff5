"""The DAG folder as Airflow sees it."""

from __future__ import annotations

import importlib.util
import json
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag

from core.schedule import ScheduleError, load_schedule, parse_schedule
from operators.framework import registry
from operators.framework.registry import COLLECTORS, parsers
from tests.conftest import ROOT

PLUGINS = ROOT / "plugins"


@pytest.fixture(scope="module")
def bag() -> DagBag:
    return DagBag(str(ROOT / "dags"))


def test_all_dags_import(bag: DagBag) -> None:
    assert bag.import_errors == {}
    groups = {
        f"collect_{group.id}"
        for group in load_schedule(ROOT / "include" / "schedule.yaml", parsers()).groups
        if group.batch
    }
    assert "collect_mailing_list" in groups
    assert set(bag.dags) == groups | {"manual_pinecone_sync", "manual_search", "ops_pinecone_audit"}


def test_the_committed_schedule_is_valid_with_its_args() -> None:
    schedule = load_schedule(ROOT / "include" / "schedule.yaml", parsers())
    assert schedule.groups
    assert schedule.warnings == ()


def test_a_group_is_a_chain_that_ends_with_finalise(bag: DagBag) -> None:
    dag = bag.dags["collect_mailing_list"]
    assert dag.task_ids == [
        "run_boost_mailing_list_tracker",
        "mailing_list_full_scan",
        "select_pinecone_sources",
        "pinecone_sync",
        "finalise",
    ]
    chain = [(t.task_id, sorted(t.downstream_task_ids)) for t in dag.topological_sort()]
    assert chain == [
        ("run_boost_mailing_list_tracker", ["mailing_list_full_scan"]),
        ("mailing_list_full_scan", ["select_pinecone_sources"]),
        ("select_pinecone_sources", ["pinecone_sync"]),
        ("pinecone_sync", ["finalise"]),
        ("finalise", []),
    ]
    assert {t.trigger_rule for t in dag.tasks} == {"all_done"}
    assert dag.get_task("finalise").retries == 0


def test_the_schedule_of_a_group(bag: DagBag) -> None:
    dag = bag.dags["collect_mailing_list"]
    assert dag.timetable.expression == "10 0 * * *"
    assert (dag.catchup, dag.max_active_runs, dag.is_paused_upon_creation) == (False, 1, True)
    assert dag.start_date is not None
    assert {"collector", "mailing_list"} <= set(dag.tags)


@pytest.mark.parametrize("words", ["clear", "with downstream", "mailing_list.message", "rate_limit"])
def test_the_documentation_says_what_an_operator_needs(bag: DagBag, words: str) -> None:
    assert words in (bag.dags["collect_mailing_list"].doc_md or "")
    task = bag.dags["collect_mailing_list"].get_task("run_boost_mailing_list_tracker")
    assert "with downstream" in (task.doc_md or "")


def test_every_pool_used_is_created(bag: DagBag) -> None:
    pools = set(json.loads((ROOT / "include" / "pools.json").read_text())) | {"default_pool"}
    used = {task.pool for dag in bag.dags.values() for task in dag.tasks}
    assert used <= pools


def test_tasks_write_assets_and_retry_by_the_policy(bag: DagBag) -> None:
    task = bag.dags["collect_mailing_list"].get_task("run_boost_mailing_list_tracker")
    assert [asset.name for asset in task.outlets] == ["boost/mailing_list"]
    assert task.retries == 24
    assert type(task.retry_policy).__name__ == "CollectorRetryPolicy"


def test_the_trigger_form(bag: DagBag) -> None:
    params = bag.dags["collect_mailing_list"].params
    assert {"since", "until", "limit", "dry_run", "full_refresh", "reprocess"} <= set(params)
    assert {"mailing_list__list_names", "mailing_list__full_scan", "mailing_list__date_slack_days"} <= set(
        params
    )
    for name in params:
        param = params.get_param(name)
        assert param.schema.get("title"), name
        assert param.description or param.schema.get("description_md"), name
        assert ("section" in param.schema) == ("__" in name or name in BATCH), name
    with pytest.raises(Exception, match="date-time"):
        params.get_param("since").resolve("garbage")


def test_the_param_only_accepts_existing_tasks(bag: DagBag) -> None:
    only = bag.dags["collect_mailing_list"].params.get_param("only")
    assert only.resolve(["mailing_list_full_scan"]) == ["mailing_list_full_scan"]
    with pytest.raises(Exception, match="is not one of"):
        only.resolve(["mailing_list_ful_scan"])


def build(text: str) -> dict[str, Any]:
    import collect

    return dict(collect.build(parse_schedule(text, parsers())))


def test_a_group_with_daily_weekly_and_monthly_tasks() -> None:
    dags = build(
        """
groups:
  a.b-c:
    default_time: 4:10
    paused: false
    tags: [x]
    tasks:
      - {command: run_boost_mailing_list_tracker, schedule: daily}
      - {command: run_boost_mailing_list_tracker, schedule: weekly, on: monday, retries: 3, pool: git, timeout_minutes: 5}
      - {command: run_boost_mailing_list_tracker, schedule: monthly, on: 31, enabled: false}
  nothing_enabled:
    default_time: 4:10
    tasks:
      - {command: run_boost_mailing_list_tracker, schedule: daily, enabled: false}
"""
    )
    (dag,) = dags.values()
    assert dag.dag_id == "collect_a.b-c"
    assert dag.is_paused_upon_creation is False
    weekly = dag.get_task("run_boost_mailing_list_tracker__weekly")
    assert (weekly.retries, weekly.pool, weekly.execution_timeout.total_seconds()) == (3, "git", 300)
    assert "run_boost_mailing_list_tracker__monthly" not in dag.task_ids


def test_a_command_without_an_operator_is_an_error() -> None:
    with pytest.raises(ValueError, match="no operator runs run_cppa_slack_tracker yet"):
        build(
            "groups: {g: {default_time: 4:10, tasks: [{command: run_cppa_slack_tracker, schedule: daily}]}}"
        )


MAIL = "run_boost_mailing_list_tracker"
BATCH = {"only", "schedule_kind", "day_of_week", "day_of_month", "stop_on_failure", "force_release"}


@pytest.mark.parametrize(
    ("group", "message"),
    [
        (f"tasks: [{{command: {MAIL}, schedule: on_release}}]", "no tracker knows Boost's releases yet"),
        (f"tasks: [{{command: {MAIL}, schedule: daily, catch_up: true}}]", "'catch_up' is for weekly and"),
        (
            f"tasks: [{{command: {MAIL}, schedule: daily, pool: nope}}]",
            "pool 'nope' is not in include/pools.json",
        ),
    ],
)
def test_keys_without_effect_are_errors(group: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(f"groups: {{g: {{default_time: 4:10, {group}}}}}")


def test_each_interval_has_a_separate_dag() -> None:
    dags = build(
        f"""
groups:
  g1:
    default_time: 4:10
    tasks:
      - {{command: {MAIL}, schedule: daily}}
      - {{command: {MAIL}, schedule: interval, minutes: 15}}
      - {{command: {MAIL}, schedule: interval, minutes: 60, args: [--full-scan]}}
      - {{command: {MAIL}, schedule: interval, minutes: 15, args: [--limit, "5"]}}
  g2:
    default_time: 4:10
    tasks: [{{command: {MAIL}, schedule: interval, minutes: 15}}]
"""
    )
    assert sorted(dags) == [
        "collect_g1",
        "collect_g1_every_15m",
        "collect_g1_every_60m",
        "collect_g2_every_15m",
    ]
    often = dags["collect_g1_every_15m"]
    assert often.timetable.delta.total_seconds() == 900
    assert (often.catchup, often.max_active_runs) == (False, 1)
    assert often.task_ids[-3:] == ["select_pinecone_sources", "pinecone_sync", "finalise"]
    assert len(often.task_ids) == 5
    assert "every 15 minutes" in (often.doc_md or "")
    assert dags["collect_g1"].timetable.expression == "10 4 * * *"
    assert often.get_task("finalise").group_id == "g1_every_15m"


def test_a_disabled_task_may_use_what_is_not_supported_yet() -> None:
    build(
        f"groups: {{g: {{default_time: 4:10, tasks: [{{command: {MAIL}, schedule: on_release, enabled: false}}]}}}}"
    )


def test_a_repeated_task_knows_the_earlier_one() -> None:
    (dag,) = build(
        f"groups: {{g: {{default_time: 4:10, tasks: [{{command: {MAIL}, schedule: weekly, on: mon}}, "
        f"{{command: {MAIL}, schedule: monthly, on: 1}}, {{command: {MAIL}, schedule: daily, args: [--full-scan]}}]}}}}"
    ).values()
    first, second, third = (dag.get_task(name) for name in dag.task_ids[:3])
    assert [t.id for t in second.position.repeats] == [first.task_id]
    assert (first.position.repeats, third.position.repeats) == ((), ())


def test_unknown_args_are_an_error() -> None:
    with pytest.raises(ValueError, match="unrecognized arguments: --nope"):
        build(
            "groups: {g: {default_time: 4:10, tasks: "
            "[{command: run_boost_mailing_list_tracker, schedule: daily, args: [--nope]}]}}"
        )


def test_the_predecessors_mailing_list_group_builds_unchanged() -> None:
    text = (ROOT / "tests/fixtures/predecessor_schedule.yaml").read_text()
    only = "groups:\n" + text[text.index("  mailing_list:") :]
    assert list(build(only)) == ["collect_mailing_list"]


@pytest.mark.parametrize(("strict", "broken"), [("true", True), ("false", False)])
def test_a_broken_file_is_an_import_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, strict: str, broken: bool
) -> None:
    monkeypatch.setenv("BOOST_COLLECTOR_SCHEDULE_YAML", str(tmp_path / "none.yaml"))
    monkeypatch.setenv("BOOST_COLLECTOR_SCHEDULE_STRICT", strict)
    found = DagBag(str(ROOT / "dags"))
    assert [name for name in found.dags if name.startswith("collect_")] == []
    assert bool(found.import_errors) is broken
    if broken:
        assert "Schedule YAML not found" in next(iter(found.import_errors.values()))


def test_parsing_neither_connects_nor_reads_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("I/O while parsing")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr("airflow.sdk.Variable.get", refuse)
    assert DagBag(str(ROOT / "dags")).import_errors == {}


def test_a_schedule_of_fifty_groups_makes_fifty_dags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    groups = "".join(
        f"  g{n}:\n    default_time: 04:10\n    tasks:\n"
        + "".join(
            f"      - {{id: t{k}, command: run_boost_mailing_list_tracker, schedule: weekly, on: monday, args: [--limit, '{k + 1}']}}\n"
            for k in range(4)
        )
        for n in range(50)
    )
    file = tmp_path / "fifty.yaml"
    file.write_text(f"groups:\n{groups}")
    monkeypatch.setenv("BOOST_COLLECTOR_SCHEDULE_YAML", str(file))
    found = DagBag(str(ROOT / "dags"))
    assert found.import_errors == {}
    assert len([name for name in found.dags if name.startswith("collect_")]) == 50


def test_no_plugin_file_has_the_name_of_a_library() -> None:
    """Airflow and Python load these by their bare name."""
    ours = [p for folder in (PLUGINS, PLUGINS / "hooks", PLUGINS / "operators") for p in folder.glob("*.py")]
    stems = {p.stem for p in ours if p.stem != "__init__"}
    path = [
        entry
        for entry in sys.path
        if not Path(entry or ".").resolve().is_relative_to(ROOT) or ".venv" in entry
    ]
    clashes = {stem for stem in stems if importlib.machinery.PathFinder.find_spec(stem, path) is not None}
    assert clashes == set()
    assert stems & {"github", "pinecone", "slack"} == set()


def test_every_folder_of_plugins_is_ignored_as_plugin() -> None:
    ignored = set((PLUGINS / ".airflowignore").read_text().split())
    folders = {f"{p.name}/" for p in PLUGINS.iterdir() if p.is_dir() and p.name != "__pycache__"}
    assert folders <= ignored


def test_a_schedule_may_name_what_a_collector_declares() -> None:
    text = "groups: {g: {default_time: 4:10, tasks: [{command: run_declared, schedule: daily}]}}"
    with pytest.raises(ScheduleError, match="unknown command"):
        parse_schedule(text)
    schedule = parse_schedule(text, {"run_declared": lambda args: None})
    assert [task.command for task in schedule.groups[0].tasks] == ["run_declared"]


def test_two_collectors_cannot_declare_one_command(monkeypatch: pytest.MonkeyPatch) -> None:
    mail = COLLECTORS[MAIL]
    other = type("Other", (mail,), {})
    monkeypatch.setattr(registry, "_declared", lambda: iter([mail, other]))
    with pytest.raises(TypeError, match="MailingListCollectorOperator and Other both declare"):
        registry._by_command()
