"""The schedule file: every rule with its message, and which tasks are due on which days."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConfigurationError
from core.schedule import ScheduleError, ScheduleKind, load_schedule, parse_schedule
from core.schedule.model import ScheduledTask

FIXTURES = Path(__file__).parent.parent / "fixtures"
COMMAND = "run_cppa_slack_tracker"


def group(tasks: str = "[]", time: str = '"04:10"', name: str = "g", more: str = "") -> str:
    return f"groups:\n  {name}:\n    default_time: {time}\n    tasks: {tasks}\n{more}"


def task(body: str) -> str:
    return group(f"[{{{body}}}]")


def one(body: str) -> ScheduledTask:
    return parse_schedule(task(body)).groups[0].tasks[0]


BROKEN = [
    ("[]", "must be a dict with 'groups'"),
    ("null", "must be a dict with 'groups'"),
    ("{}", "must be a dict with 'groups'"),
    ("groups: []", "must have 'groups' (dict)"),
    ("groups: {}", "must have 'groups' (dict)"),
    ("groups: null", "must have 'groups' (dict)"),
    ("other: 1", "Schedule YAML must have 'groups' (dict); it has 'other'"),
    ('groups: {"   ": {}}', "Group id must be a non-empty string"),
    ("groups: {7: {}}", "Group id must be a non-empty string"),
    ("groups: {g: []}", "Group 'g' must be a dict"),
    ("groups: {g: {tasks: []}}", "must have 'default_time'"),
    (group(time="970"), "must have 'default_time'"),
    (group(time='" "'), "must have 'default_time'"),
    (group(time='"25:00"'), "Invalid time"),
    (group(time='"not-time"'), "Invalid time"),
    (group(time='"+4:10"'), "Invalid time"),
    (group(time='"4:5"'), "Invalid time"),
    (group(time='"1_0:00"'), "Invalid time"),
    (group("null"), "must have 'tasks' (list)"),
    ("groups: {g: {default_time: 04:10}}", "must have 'tasks' (list)"),
    (group("[x]"), "Task in group 'g' must be a dict"),
    (task("schedule: daily"), "must have 'command' (non-empty string)"),
    (task('command: "  ", schedule: daily'), "must have 'command' (non-empty string)"),
    (task(f"command: {COMMAND}"), "'schedule' must be one of"),
    (task(f"command: {COMMAND}, schedule: default"), "'schedule' must be one of"),
    (task(f"command: {COMMAND}, schedule: weekly"), "'schedule: weekly' requires 'on'"),
    (task(f"command: {COMMAND}, schedule: weekly, on: notaday"), "'schedule: weekly' requires 'on'"),
    (task(f"command: {COMMAND}, schedule: monthly, on: 0"), "'schedule: monthly' requires 'on' (1-31"),
    (task(f"command: {COMMAND}, schedule: monthly, on: 32"), "'schedule: monthly' requires 'on' (1-31"),
    (task(f"command: {COMMAND}, schedule: monthly, on: abc"), "'schedule: monthly' requires 'on' (1-31"),
    (task(f"command: {COMMAND}, schedule: monthly, on: true"), "'schedule: monthly' requires 'on' (1-31"),
    (task(f"command: {COMMAND}, schedule: monthly, on: 1.9"), "'schedule: monthly' requires 'on' (1-31"),
    (task(f"command: {COMMAND}, schedule: monthly, on: null, day_of_month: 3"), "requires 'on' (1-31"),
    (task(f"command: {COMMAND}, schedule: interval"), "'schedule: interval' requires 'minutes'"),
    (task(f"command: {COMMAND}, schedule: interval, minutes: x"), "'minutes' must be an integer"),
    (task(f"command: {COMMAND}, schedule: interval, minutes: 15.7"), "'minutes' must be an integer"),
    (task(f"command: {COMMAND}, schedule: interval, minutes: 181"), "'minutes' must be 1-180"),
    (task(f"command: {COMMAND}, schedule: interval, minutes: 0"), "'minutes' must be 1-180"),
    (task(f'command: {COMMAND}, schedule: daily, enabled: "yes"'), "'enabled' must be boolean"),
    (task(f"command: {COMMAND}, schedule: daily, enabled: null"), "'enabled' must be boolean"),
    (task(f"command: {COMMAND}, schedule: daily, args: null"), "'args' must be a list of strings"),
    (task(f"command: {COMMAND}, schedule: daily, args: [123]"), "'args[0]' must be a string"),
    (task(f"command: {COMMAND}, schedule: daily, args: [--ok, null]"), "'args[1]' must be a string"),
    # ours
    (group(more="    tsks: []\n"), "did you mean 'tasks'?"),
    (group() + "group: {}\n", "did you mean 'groups'?"),
    (task(f"command: {COMMAND}, schedule: daily, time: 04:00"), "unknown key 'time'"),
    (group() + "  g:\n    default_time: 04:10\n    tasks: []\n", 'line 5: found duplicate key "g"'),
    (task("command: run_cppa_slak_tracker, schedule: daily"), "did you mean 'run_cppa_slack_tracker'?"),
    (
        task(f"command: {COMMAND}, schedule: daily, minutes: 5"),
        "'minutes' does not belong to",
    ),
    (task(f"command: {COMMAND}, schedule: interval, minutes: 5, on: monday"), "'on' does not belong"),
    (group(name='"a b"'), "ids may contain only letters"),
    (group(name="g" * 260), "too long for Airflow"),
    (task(f'command: {COMMAND}, schedule: daily, id: "a/b"'), "ids may contain only letters"),
    (task(f"command: {COMMAND}, schedule: daily, retries: true"), "'retries' must be a whole number"),
    (task(f"command: {COMMAND}, schedule: daily, timeout_minutes: 0"), "'timeout_minutes' must be"),
    (group(more="    paused: true\n"), "'paused' may only be false"),
    (
        group(
            f"[{{command: {COMMAND}, schedule: daily, id: a}}, {{command: {COMMAND}, schedule: daily, id: a}}]"
        ),
        "2 tasks",
    ),
    ("groups: [", "cannot be read"),
]


@pytest.mark.parametrize(("text", "message"), BROKEN)
def test_an_invalid_file_names_the_problem(text: str, message: str) -> None:
    with pytest.raises(ScheduleError) as error:
        parse_schedule(text)
    assert message in str(error.value)


def test_disabled_tasks_are_checked_too() -> None:
    with pytest.raises(ScheduleError, match="requires 'minutes'"):
        parse_schedule(task(f"command: {COMMAND}, schedule: interval, enabled: false"))


def test_a_missing_path_or_file_is_an_error() -> None:
    with pytest.raises(ScheduleError, match="load_config requires a path"):
        load_schedule(None)
    with pytest.raises(FileNotFoundError, match="Schedule YAML not found"):
        load_schedule("/nowhere.yaml")
    with pytest.raises(ScheduleError):
        load_schedule("/nowhere.yaml")


def test_the_file_is_read_as_yaml_1_2() -> None:
    schedule = parse_schedule(
        group(f"[{{command: {COMMAND}, schedule: weekly, on: friday}}]", time="16:30").replace(
            "g:", "yes:", 1
        )
    )
    assert (schedule.groups[0].id, schedule.groups[0].hour, schedule.groups[0].minute) == ("yes", 16, 30)
    assert schedule.groups[0].tasks[0].day == 5


@pytest.mark.parametrize("word", ["mon", "Monday", " MONDAY "])
def test_weekdays(word: str) -> None:
    assert one(f'command: {COMMAND}, schedule: weekly, on: "{word}"').day == 1
    assert one(f'command: {COMMAND}, schedule: weekly, day_of_week: "{word}"').day == 1
    assert one(f'command: {COMMAND}, schedule: weekly, on: "", day_of_week: "{word}"').day == 1


def test_numbers_may_be_quoted() -> None:
    assert one(f'command: {COMMAND}, schedule: monthly, on: "15"').day == 15
    assert one(f'command: {COMMAND}, schedule: interval, minutes: "180"').minutes == 180


def test_args_are_checked_if_the_command_has_a_parser() -> None:
    def parser(args: object) -> None:
        raise ConfigurationError("unrecognized arguments: --nope")

    text = task(f"command: {COMMAND}, schedule: daily, args: [--nope]")
    assert parse_schedule(text).groups
    with pytest.raises(ScheduleError, match="'args' are not valid for the command: unrecognized"):
        parse_schedule(text, {COMMAND: parser})


def test_repeated_tasks_cause_warnings() -> None:
    twice = f"[{{command: {COMMAND}, schedule: daily}}, {{command: {COMMAND}, schedule: weekly, on: friday}}]"
    assert "repeats" in parse_schedule(group(twice)).warnings[0]
    apart = twice.replace("schedule: daily", "schedule: weekly, on: monday")
    assert not parse_schedule(group(apart)).warnings
    other = twice.replace("schedule: daily", "schedule: daily, args: [--x]")
    assert not parse_schedule(group(other)).warnings


def monthly(*days: int) -> str:
    return group(
        "[" + ", ".join(f"{{command: {COMMAND}, schedule: monthly, on: {d}, id: d{d}}}" for d in days) + "]"
    )


@pytest.mark.parametrize(
    ("days", "day", "due"),
    [
        ((15, 31), date(2024, 3, 31), ["d31"]),
        ((31,), date(2023, 2, 28), ["d31"]),
        ((31,), date(2024, 2, 29), ["d31"]),
        ((31,), date(2024, 2, 28), []),
        ((15, 31), date(2024, 3, 10), []),
        ((30, 31), date(2025, 4, 30), ["d30", "d31"]),
        ((28, 29, 30, 31), date(2025, 2, 28), ["d28", "d29", "d30", "d31"]),
    ],
)
def test_monthly_tasks(days: tuple[int, ...], day: date, due: list[str]) -> None:
    assert [t.id for t in parse_schedule(monthly(*days)).due("g", day)] == due


@given(st.integers(1, 31), st.integers(2000, 2100))
def test_a_monthly_task_runs_twelve_times_a_year(day: int, year: int) -> None:
    scheduled = ScheduledTask("x", COMMAND, ScheduleKind.MONTHLY, day)
    first = date(year, 1, 1).toordinal()
    days = [date.fromordinal(first + n) for n in range(date(year + 1, 1, 1).toordinal() - first)]
    assert [d.month for d in days if scheduled.is_due(d)] == list(range(1, 13))


def test_weekly_interval_and_unknown_groups() -> None:
    schedule = parse_schedule(
        group(
            f"[{{command: {COMMAND}, schedule: weekly, on: monday}}, "
            f"{{command: {COMMAND}, schedule: interval, minutes: 5}}, "
            f"{{command: {COMMAND}, schedule: daily, enabled: false}}]"
        )
    )
    assert len(schedule.due("g", date(2026, 11, 23))) == 1
    assert not schedule.due("g", date(2026, 11, 24))
    with pytest.raises(ScheduleError, match="known: g"):
        schedule.due("h", date(2026, 11, 24))


def test_the_schedule_of_the_predecessor_is_accepted() -> None:
    schedule = load_schedule(FIXTURES / "predecessor_schedule.yaml")
    assert [g.id for g in schedule.groups] == ["github", "boost_library_docs", "slack", "mailing_list"]
    assert [t.id for t in schedule.group("github").batch] == [
        "run_boost_usage_tracker__daily",
        "run_update_created_repos_by_language",
        "run_boost_github_activity_tracker",
        "run_boost_library_usage_dashboard",
        "run_boost_usage_tracker__monthly",
        "collect_boost_libraries",
    ]
    assert sum(len(g.batch) for g in schedule.groups) == 9


def test_the_example_schedule_of_the_predecessor_is_accepted() -> None:
    schedule = load_schedule(FIXTURES / "predecessor_example.yaml")
    assert [g.id for g in schedule.groups] == ["github", "slack", "mailing_list"]
    assert [t.id for t in schedule.group("mailing_list").tasks] == [
        "run_boost_mailing_list_tracker__daily",
        "run_boost_mailing_list_tracker__weekly",
        "run_boost_mailing_list_tracker__monthly",
    ]
    friday_the_15th = schedule.due("mailing_list", date(2024, 3, 15))
    assert len(friday_the_15th) == 3
    assert len(schedule.warnings) == 3
    assert [t.minutes for g in schedule.groups for t in g.tasks if t.kind is ScheduleKind.INTERVAL] == [
        60,
        60,
    ]


def test_an_id_does_not_change_when_another_task_is_added() -> None:
    before = parse_schedule(group(f"[{{command: {COMMAND}, schedule: daily}}]"))
    after = parse_schedule(
        group(
            f"[{{command: run_wg21_paper_tracker, schedule: daily}}, {{command: {COMMAND}, schedule: daily}},"
            f"{{command: {COMMAND}, schedule: monthly, on: 1, id: other, args: [--x]}}]"
        )
    )
    assert before.groups[0].tasks[0].id == after.groups[0].tasks[1].id == COMMAND
