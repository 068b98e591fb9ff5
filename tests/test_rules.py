"""The repository's own rules: writes, dependencies, documentation, stable names, deprecation."""

from __future__ import annotations

import csv
import io
import warnings
from pathlib import Path

import pytest
from grimp import ImportGraph

from checks import collector_table, configuration, dependencies, stable_names, writes
from checks.tracker_contract import TrackerContract
from core.deprecation import NameDeprecated, deprecated
from tests.conftest import ROOT


def test_every_write_is_in_the_store_of_its_tracker() -> None:
    assert writes.problems() == []


@pytest.mark.parametrize(
    ("file", "text", "problem"),
    [
        (
            "plugins/trackers/slack/collect.py",
            "conn.execute(sql('slack/add_messages'))\n",
            "trackers.slack.collect:1 runs SQL that writes to slack; only its store.py may",
        ),
        (
            "plugins/trackers/slack/collect.py",
            "conn.execute(sql(f'slack/{name}'))\n",
            "trackers.slack.collect:1 runs SQL that writes to slack; only its store.py may",
        ),
        (
            "plugins/trackers/slack/collect.py",
            "execute(conn, 'slack/add_messages')\n",
            "trackers.slack.collect:1 runs SQL that writes to slack; only its store.py may",
        ),
        (
            "plugins/trackers/slack/collect.py",
            "database.fetch_one(conn, f'slack/{name}', into=Row)\n",
            "trackers.slack.collect:1 runs SQL that writes to slack; only its store.py may",
        ),
        (
            "plugins/trackers/slack/collect.py",
            "for page in pages(conn, name='slack/add_messages'): pass\n",
            "trackers.slack.collect:1 runs SQL that writes to slack; only its store.py may",
        ),
        (
            "plugins/trackers/slack/collect.py",
            "execute(conn, NAME)\n",
            "trackers.slack.collect:1 names its SQL file at run time; write the name there",
        ),
        (
            "plugins/trackers/slack/collect.py",
            "execute(conn, f'{SCHEMA}/add_messages')\n",
            "trackers.slack.collect:1 names its SQL file at run time; write the name there",
        ),
        (
            "plugins/trackers/discord/store.py",
            "fetch(conn, 'slack/list_messages')\n",
            "trackers.discord.store:1 runs an SQL file of slack; a tracker runs only its own",
        ),
        (
            "plugins/trackers/slack/store.py",
            "conn.execute('UPDATE identity.profile SET type = 1')\n",
            "trackers.slack.store:1 writes to identity in SQL; only its store.py may",
        ),
        (
            "plugins/trackers/slack/collect.py",
            "merge(conn, tables.message, rows)\n",
            "trackers.slack.collect:1 merges rows; only store.py may",
        ),
        (
            "plugins/trackers/slack/collect.py",
            "database.merge_keys(conn, tables.message, rows)\n",
            "trackers.slack.collect:1 merges rows; only store.py may",
        ),
        (
            "plugins/operators/slack.py",
            "merge(conn, tables.message, rows)\n",
            "operators.slack:1 merges rows; only store.py may",
        ),
        (
            "include/sql/slack/rename.sql",
            "UPDATE identity.slack_user SET name = 'x'",
            "include/sql/slack/rename.sql writes to identity, which is not its own schema",
        ),
    ],
)
def test_a_write_in_the_wrong_module_is_found(tmp_path: Path, file: str, text: str, problem: str) -> None:
    sql = tmp_path / "include/sql/slack/add_messages.sql"
    sql.parent.mkdir(parents=True)
    sql.write_text("-- Adds.\nINSERT INTO slack.message SELECT 1\n")
    (sql.parent / "list_messages.sql").write_text("-- Lists.\nSELECT * FROM slack.message\n")
    (tmp_path / "plugins/trackers/slack").mkdir(parents=True)
    (tmp_path / "plugins/trackers/discord").mkdir(parents=True)
    (tmp_path / "plugins/operators").mkdir()
    (tmp_path / "plugins/trackers/slack/store.py").write_text("conn.execute(sql('slack/add_messages'))\n")
    assert writes.problems(tmp_path) == []
    (tmp_path / file).write_text(text)
    assert writes.problems(tmp_path) == [problem]


LAYERS = ["usage_dashboard", "github | *", "identity | pinecone"]


@pytest.mark.parametrize(
    ("importer", "imported", "problem"),
    [
        ("trackers.blog.collect", "trackers.identity.api", ""),
        ("trackers.blog.collect", "trackers.blog.store", ""),
        ("trackers.usage_dashboard.figures", "trackers.blog.api", ""),
        ("operators.blog_collector", "trackers.blog.collect", ""),
        (
            "trackers.blog.collect",
            "trackers.identity.store",
            "other packages may import only trackers.identity.api",
        ),
        ("trackers.blog.collect", "trackers.github.api", "which is not in a lower layer"),
        ("trackers.identity.api", "trackers.blog.api", "which is not in a lower layer"),
        ("hooks.blog_hook", "trackers.blog.store", "other packages may import only trackers.blog.api"),
    ],
)
def test_imports_between_trackers(importer: str, imported: str, problem: str) -> None:
    graph = ImportGraph()
    for tracker in ("blog", "github", "identity", "usage_dashboard"):
        for module in ("api", "store", "collect"):
            graph.add_module(f"trackers.{tracker}.{module}")
    graph.add_import(importer=importer, imported=imported)
    contract = TrackerContract(name="trackers", session_options={}, contract_options={"layers": LAYERS})
    problems = contract.check(graph, verbose=False).metadata["problems"]
    assert [problem in each for each in problems] == ([True] if problem else [])


def test_reads_across_trackers_are_declared_by_the_owner_of_the_table() -> None:
    assert dependencies.undeclared() == []
    assert any(edge.how.startswith("SQL read") for edge in dependencies.edges())


def test_the_page_of_dependencies_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    found = dependencies.edges()
    assert dependencies.PAGE.read_text() == dependencies.as_markdown(found), "run `make docs`"
    assert all(edge.why for edge in found)
    assert dependencies.main(["--no-tests", "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert rows
    assert not any(row["from"] == "tests" for row in rows)


def test_configuration_is_documented_and_current() -> None:
    assert configuration.PAGE.read_text() == configuration.page(), "run `make docs`"
    assert configuration.SAMPLE.read_text() == configuration.sample(), "run `make docs`"


def test_the_table_of_collectors_is_current() -> None:
    assert collector_table.PAGE.read_text() == collector_table.page(), "run `make docs`"


def test_all_connections_are_documented() -> None:
    from launcher.connections import sandbox_connections

    documented = {name for name, _, _ in configuration.CONNECTIONS}
    assert documented == {"bdc_postgres", *sandbox_connections("http://x")}


def test_stable_names_do_not_change() -> None:
    message = "a stable name changed: run `make docs` and note it in CHANGELOG.md"
    assert stable_names.SNAPSHOT.read_text().splitlines() == stable_names.lines(), message


def test_a_deprecated_name_warns() -> None:
    @deprecated(since="0.2", gone_in="1.0", instead="new()")
    def old(number: int) -> int:
        return number + 1

    with pytest.warns(
        NameDeprecated, match=r"old is deprecated since 0.2 and will be removed in 1.0; use new\(\)"
    ) as caught:
        assert old(1) == 2
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error", NameDeprecated)
        with pytest.raises(NameDeprecated):
            old(1)


def test_required_documents_exist() -> None:
    for name in ("SECURITY.md", "docs/stability.md", "docs/coming-from-django.md"):
        assert (ROOT / name).read_text().startswith("# ")
