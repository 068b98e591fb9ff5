"""The operators of the vector index: which sources are synced, what a sync records, when an audit fails."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException

from core.database import Conn
from core.documents import Variant
from core.errors import ConfigurationError, UnitsFailed
from core.settings import Settings
from operators.collector import CollectorOperator
from operators.framework.registry import COLLECTORS
from operators.pinecone_audit import PineconeAuditOperator
from operators.pinecone_search import PineconeSearchOperator
from operators.pinecone_sync import (
    ChoosePineconeSourcesOperator,
    PineconeSyncOperator,
    SelectPineconeSourcesOperator,
)
from operators.sources import SOURCES, named, sources_of, specs_of
from sandbox.pinecone.index import Record
from sandbox.world import World
from tests.mail import BOOST, add_list, entry
from tests.pinecone import ids, index

MAIL = "run_boost_mailing_list_tracker"
LONG = "Some thoughts on the review of the library, with enough words to be found by a search later on."


def context(params: dict[str, Any] | None = None, ended: list[dict[str, Any]] | None = None) -> Any:
    ti = SimpleNamespace(
        dag_id="d",
        run_id="manual__2026",
        task_id="t",
        map_index=0,
        try_number=1,
        max_tries=0,
        task=SimpleNamespace(retries=0),
        get_task_breadcrumbs=lambda dag_id, run_id: ended or [],
        xcom_push=lambda key, value: None,
    )
    return {"params": params or {}, "ti": ti}


@pytest.fixture(autouse=True)
def _variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("airflow.sdk.Variable.get", lambda name, default=None: default)
    monkeypatch.setenv("WORKSPACE_DIR", str(tmp_path))


@pytest.fixture
def mails(conn: Conn, world: World, hyperkitty: Any, pinecone: str) -> Conn:
    """The database after six messages were collected."""
    boost = add_list(world, 0)
    for number in range(6):
        boost.add(entry(number, text=f"{LONG} {number}"))
    collector = COLLECTORS[MAIL](task_id="collect")
    collector.execute(context({"mailing_list__list_names": [BOOST]}))
    return conn


def mailing() -> Any:
    (spec,) = named(["mailing"], Settings({}))
    return spec


def sync(params: dict[str, Any] | None = None, **changes: Any) -> dict[str, int]:
    operator = PineconeSyncOperator(task_id="sync", source=mailing() | changes)
    return operator.execute(context(params))


# -- the registry ----------------------------------------------------------------------------------------------


def test_every_source_has_a_collector_a_unique_key_and_settings() -> None:
    specs = specs_of(SOURCES, Settings({}))
    assert len({spec["app_type"] for spec in specs}) == len(specs)
    assert {source.command for source in SOURCES} <= set(COLLECTORS)
    assert issubclass(COLLECTORS[MAIL], CollectorOperator)
    assert mailing() == {
        "app_type": "mailing",
        "namespace": "mailing",
        "instance": "public",
        "preprocessor": "trackers.mailing_list.documents.documents",
        "arguments": {},
    }
    moved = Settings({"BOOST_MAILING_LIST_PINECONE_NAMESPACE": "elsewhere"})
    assert named(["mailing"], moved)[0]["namespace"] == "elsewhere"
    assert sources_of({"run_something_else"}) == ()


def test_two_sources_cannot_share_an_app_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("operators.sources.SOURCES", (*SOURCES, SOURCES[0]))
    with pytest.raises(ConfigurationError, match="two sources have the app type mailing"):
        named(["mailing"], Settings({}))


def test_a_source_in_parts_has_a_spec_for_each() -> None:
    (declared,) = (indexed.source for indexed in SOURCES if indexed.command == MAIL)
    teams = replace(
        declared, variants=lambda settings: [Variant("a", {"team": "a"}), Variant("b", {"team": "b"})]
    )
    specs = teams.specs(Settings({}))
    assert [(s["app_type"], s["namespace"], s["arguments"]) for s in specs] == [
        ("mailing-a", "mailing-a", {"team": "a"}),
        ("mailing-b", "mailing-b", {"team": "b"}),
    ]


@pytest.mark.parametrize(
    ("state", "params", "expected"),
    [
        ("success", {}, ["mailing"]),
        ("failed", {}, ["mailing"]),
        ("skipped", {}, []),
        ("upstream_failed", {}, []),
        ("success", {"dry_run": True}, []),
        ("success", {"skip_pinecone": True}, []),
    ],
)
def test_sources_whose_collector_ran(state: str, params: dict[str, Any], expected: list[str]) -> None:
    select = SelectPineconeSourcesOperator(task_id="select", collectors={"mail": MAIL, "scan": MAIL})
    ended = [
        {"task_id": "mail", "map_index": -1, "state": state},
        {"task_id": "scan", "map_index": -1, "state": "skipped"},
        {"task_id": "other", "map_index": -1, "state": "success"},
    ]
    assert [spec["app_type"] for spec in select.execute(context(params, ended))] == expected


def test_sources_chosen_by_hand() -> None:
    choose = ChoosePineconeSourcesOperator(task_id="choose")
    form = {
        "pinecone__sources": ["mailing"],
        "pinecone__app_type": "x",
        "pinecone__namespace": "y",
        "pinecone__preprocessor": "trackers.mailing_list.documents.documents",
        "pinecone__instance": "private",
    }
    chosen = choose.execute(context(form))
    assert [(s["app_type"], s["instance"]) for s in chosen] == [("mailing", "public"), ("x", "private")]
    with pytest.raises(ConfigurationError, match="there is no source nope"):
        choose.execute(context({"pinecone__sources": ["nope"]}))
    with pytest.raises(ConfigurationError, match="dotted path"):
        choose.execute(context({**form, "pinecone__preprocessor": "nodot"}))


# -- a sync ------------------------------------------------------------------------------------------------------


def test_a_sync_is_recorded_and_writes_a_report(mails: Conn, world: World, tmp_path: Path) -> None:
    counts = sync()
    assert (counts["documents"], counts["uploaded"]) == (6, 6)
    row = mails.execute(
        "SELECT command, state, options, map_index FROM core.run ORDER BY id DESC LIMIT 1"
    ).fetchone()
    assert row == ("run_cppa_pinecone_sync", "success", {"source": "mailing"}, 0)
    report = json.loads((tmp_path / "cppa_pinecone_sync/reports/mailing/manual__2026.json").read_text())
    assert (report["upserted"], report["failed_count"], report["source"]) == (6, 0, mailing())
    assert sync({"pinecone__full_resync": True})["unchanged"] == 6
    assert len(ids(world, "dense", "mailing")) == 6


def test_params_of_the_form_reach_the_engine(mails: Conn, world: World) -> None:
    sync()
    mails.execute("DELETE FROM mailing_list.message WHERE id = (SELECT min(id) FROM mailing_list.message)")
    assert sync({"pinecone__full_resync": True, "dry_run": True})["would_delete"] == 1
    assert "deleted" not in sync({"pinecone__full_resync": True, "pinecone__delete_orphans": False})
    assert sync({"pinecone__full_resync": True, "pinecone__delete_orphans": True})["deleted"] == 1
    assert len(ids(world, "dense", "mailing")) == 5


def test_without_an_account_a_sync_is_skipped_but_a_required_one_fails(
    mails: Conn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_PINECONE_PUBLIC")
    with pytest.raises(AirflowSkipException, match="create Connection pinecone_public"):
        sync()
    operator = PineconeSyncOperator(task_id="sync", source=mailing(), required=True)
    with pytest.raises(ConfigurationError, match="PINECONE_API_KEY"):
        operator.execute(context())


# -- an audit ----------------------------------------------------------------------------------------------------


def audit(**params: Any) -> dict[str, int]:
    form = {f"pinecone__{name}": value for name, value in params.items()}
    return PineconeAuditOperator(task_id="audit").execute(context(form))


def backdate(conn: Conn) -> None:
    conn.execute("UPDATE pinecone.ledger SET synced_at = synced_at - interval '1 hour'")


def test_an_audit_fails_if_records_are_missing_and_repairs_them_on_request(mails: Conn, world: World) -> None:
    sync()
    backdate(mails)
    assert audit()["public/mailing/in_ledger"] == 6
    index(world).remove("mailing", sorted(ids(world, "dense", "mailing"))[0])
    index(world, "sparse").put("mailing", "stray", Record({"chunk_text": "x"}, "x"))
    with pytest.raises(UnitsFailed, match=r"1 missing, 1 strays.*run again with repair"):
        audit()
    assert audit(repair=True)["uploaded"] == 1
    assert len(ids(world, "dense", "mailing")) == len(ids(world, "sparse", "mailing")) == 6
    assert audit()["public/mailing/in_ledger"] == 6


def test_a_repair_never_deletes_records_because_the_ledger_is_empty(mails: Conn, world: World) -> None:
    sync()
    mails.execute("TRUNCATE pinecone.ledger, pinecone.sync_status")
    with pytest.raises(UnitsFailed, match="run again with fill_ledger first"):
        audit(repair=True)
    assert len(ids(world, "dense", "mailing")) == 6
    assert audit(fill_ledger=True)["taken_over"] == 6
    assert sync({"pinecone__full_resync": True})["unchanged"] == 6


def test_an_audit_without_an_account_names_the_setting(
    conn: Conn, pinecone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PUBLIC", "PRIVATE"):
        monkeypatch.delenv(f"AIRFLOW_CONN_PINECONE_{name}")
    with pytest.raises(ConfigurationError, match="create Connection pinecone_public"):
        audit()


def test_a_search_before_the_first_sync_fails_with_a_reason(mails: Conn) -> None:
    operator = PineconeSearchOperator(task_id="search")
    with pytest.raises(ConfigurationError, match="the first sync creates it"):
        operator.execute(context({"pinecone__query": "thoughts"}))


def test_a_search_logs_titles_and_addresses_but_no_texts(
    mails: Conn, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    sync()
    monkeypatch.setattr("operators.pinecone_search.log", SimpleNamespace(info=lines.append))
    operator = PineconeSearchOperator(task_id="search")
    form = {"pinecone__query": "thoughts on a review", "pinecone__k": 3}
    assert operator.execute(context(form)) == {"results": 3}
    assert len(lines) == 4
    assert all("Subject " in line and "http://" in line for line in lines[1:])
    assert not any("thoughts on the review" in line for line in lines)
