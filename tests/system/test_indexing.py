"""The vector index as a user sees it: synced at the end of a group, cleared, searched, audited."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import requests

from launcher.rest import Rest
from tests.system.conftest import Demo

DAG, SYNC, NAME = "collect_mailing_list", "pinecone_sync", "pinecone_sync[mailing]"
AUDIT, SEARCH, MANUAL = "ops_pinecone_audit", "manual_search", "manual_pinecone_sync"
LEDGER = "SELECT count(*) FROM pinecone.ledger WHERE synced_at IS NOT NULL"
pytestmark = [pytest.mark.system, pytest.mark.timeout(600), pytest.mark.xdist_group("system")]


@pytest.fixture(autouse=True)
def _without_faults(demo: Demo) -> Iterator[None]:
    yield
    demo.clear_faults()


def run(rest: Rest, dag_id: str, conf: dict[str, object] | None = None) -> tuple[str, str]:
    rest.unpause(dag_id)
    run_id = rest.trigger(dag_id, conf)
    return run_id, rest.await_run(dag_id, run_id)


def indexed(demo: Demo) -> dict[str, int]:
    found = requests.get(f"{demo.sandbox}/", timeout=60).json()["pinecone"]["public"]
    return {name: namespaces.get("mailing", 0) for name, namespaces in found.items()}


def test_the_demo_indexes_what_it_collects(demo: Demo) -> None:
    text = "".join(demo.output)
    assert f"{NAME:<34} success" in text
    assert re.search(r"pinecone: chunks {2,}[5-9]\d\d\n", text)


def test_new_messages_are_indexed_and_a_sync_can_be_cleared_alone(demo: Demo, rest: Rest) -> None:
    requests.post(f"{demo.sandbox}/time", json={"messages": 30}, timeout=60)
    run_id, state = run(rest, DAG)
    assert state == "success"
    ((chunks,),) = demo.query(LEDGER)
    assert indexed(demo) == {"boost": chunks, "boost-sparse": chunks}
    assert " uploaded" in rest.log(DAG, run_id, SYNC, map_index=0)
    rest.clear(DAG, run_id, SYNC, downstream=False, map_index=0)
    assert rest.await_run(DAG, run_id) == "success"
    tasks = rest.tasks(DAG, run_id)
    assert (tasks[NAME]["try_number"], tasks["finalise"]["try_number"]) == (2, 1)
    assert " uploaded" not in rest.log(DAG, run_id, SYNC, 2, map_index=0)
    assert demo.query(LEDGER) == [(chunks,)]


def test_a_dry_run_of_a_group_indexes_nothing(rest: Rest) -> None:
    for conf in ({"dry_run": True}, {"skip_pinecone": True}):
        run_id, state = run(rest, DAG, conf)
        assert state == "success"
        assert rest.tasks(DAG, run_id)[SYNC]["state"] == "skipped"


def test_a_failed_sync_fails_the_run_and_catches_up_when_cleared(demo: Demo, rest: Rest) -> None:
    requests.post(f"{demo.sandbox}/time", json={"messages": 20}, timeout=60)
    demo.fault(path="/pinecone/indexes", status=403)
    run_id, state = run(rest, DAG)
    assert state == "failed"
    tasks = rest.tasks(DAG, run_id)
    assert tasks["run_boost_mailing_list_tracker"]["state"] == "success"
    finalised = rest.log(DAG, run_id, "finalise")
    assert "failed: pinecone_sync[0]: auth: mailing, " in finalised
    assert "check the API key" in finalised
    demo.clear_faults()
    rest.clear(DAG, run_id, SYNC, downstream=True, map_index=0)
    assert rest.await_run(DAG, run_id) == "success"
    ((chunks,),) = demo.query(LEDGER)
    assert indexed(demo) == {"boost": chunks, "boost-sparse": chunks}


def test_an_audit_finds_missing_records_and_repairs_them(demo: Demo, rest: Rest) -> None:
    # Records of the last minutes may not be listed yet, so these must be older.
    demo.query("UPDATE pinecone.ledger SET synced_at = synced_at - interval '1 hour' RETURNING 1")
    requests.delete(f"{demo.sandbox}/pinecone/public/boost-sparse/mailing?number=3", timeout=60)
    run_id, state = run(rest, AUDIT)
    assert state == "failed"
    assert "3 missing, 0 strays" in rest.log(AUDIT, run_id, "audit")
    assert "run again with repair" in rest.log(AUDIT, run_id, "audit")
    run_id, state = run(rest, AUDIT, {"pinecone__repair": True})
    assert state == "success"
    log = rest.log(AUDIT, run_id, "audit")
    assert "3 to upload again" in log
    assert "documents, " in log
    ((chunks,),) = demo.query(LEDGER)
    assert indexed(demo) == {"boost": chunks, "boost-sparse": chunks}
    assert run(rest, AUDIT)[1] == "success"


def test_a_search_shows_titles_and_no_texts(demo: Demo, rest: Rest) -> None:
    ((subject,),) = demo.query(
        "SELECT subject FROM mailing_list.message ORDER BY length(subject) DESC LIMIT 1"
    )
    run_id, state = run(rest, SEARCH, {"pinecone__query": subject, "pinecone__k": 5})
    assert state == "success"
    log = rest.log(SEARCH, run_id, "search")
    assert "5 results in mailing" in log
    assert subject in log.partition("results in mailing")[2]
    run_id, state = run(rest, SEARCH)
    assert state == "failed"
    assert "query is empty" in rest.log(SEARCH, run_id, "search")


def test_a_manual_sync(demo: Demo, rest: Rest) -> None:
    run_id, state = run(rest, MANUAL, {"pinecone__sources": ["mailing"], "pinecone__full_resync": True})
    assert state == "success"
    assert "; 0 requests" in rest.log(MANUAL, run_id, SYNC, map_index=0)
    for conf, words in (
        ({}, "nothing to do: set param sources"),
        ({"pinecone__sources": ["nope"]}, "there is no source nope; declared: mailing"),
        ({"pinecone__app_type": "x", "pinecone__preprocessor": "a.b"}, "param namespace is empty"),
    ):
        run_id, state = run(rest, MANUAL, conf)
        assert state == "failed"
        assert words in rest.log(MANUAL, run_id, "choose_sources")


def test_without_a_configured_account_the_sync_is_skipped_with_a_message(demo: Demo, rest: Rest) -> None:
    kept = rest.call("GET", "/connections/pinecone_public")
    rest.call("DELETE", "/connections/pinecone_public")
    try:
        run_id, state = run(rest, DAG)
        assert state == "success"
        assert rest.tasks(DAG, run_id)[NAME]["state"] == "skipped"
        assert "Pinecone is not configured" in rest.log(DAG, run_id, SYNC, map_index=0)
    finally:
        body = {name: kept[name] for name in ("connection_id", "conn_type", "host", "extra")}
        rest.call("POST", "/connections", json={**body, "password": "pcsk_sandbox_public"})


def test_the_test_button_checks_the_indexes(demo: Demo, rest: Rest) -> None:
    connection = {
        "connection_id": "x",
        "conn_type": "boost_pinecone",
        "host": f"http://127.0.0.1:{demo.sandbox_port}/pinecone",
        "password": "pcsk_sandbox_public",
        "extra": '{"index_name": "boost"}',
    }
    answer = rest.call("POST", "/connections/test", json=connection)
    assert answer["status"], answer
    assert "boost is Ready" in answer["message"]
    refused = rest.call("POST", "/connections/test", json={**connection, "password": "wrong"})
    assert refused["status"] is False
    assert "check the API key" in refused["message"]
