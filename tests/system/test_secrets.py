"""Marked secrets are put into every Connection; after every DAG has run, nothing contains them."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest

from launcher.rest import Rest
from tests.system.conftest import Demo

MARK = "planted-s3cret"
RUNS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("collect_mailing_list", {}),
    ("collect_mailing_list", {"dry_run": True}),
    ("manual_pinecone_sync", {"pinecone__sources": ["mailing"], "pinecone__full_resync": True}),
    ("manual_search", {"pinecone__query": "allocator"}),
    ("ops_pinecone_audit", {}),
)
SHOWN = ("xcom", "rendered_task_instance_fields", "dag_run", "task_instance", "task_instance_note")
"""Without Airflow's own audit log, which records what a user typed into the form of a Connection."""
pytestmark = [pytest.mark.system, pytest.mark.timeout(600), pytest.mark.xdist_group("system")]


def plant(rest: Rest, conn_id: str, **changes: Any) -> dict[str, Any]:
    """Put marked secrets into a Connection; return the previous one."""
    kept: dict[str, Any] = rest.call("GET", f"/connections/{conn_id}")
    body = {name: kept[name] for name in ("connection_id", "conn_type", "host", "extra")} | changes
    rest.call("PATCH", f"/connections/{conn_id}", json=body)
    return kept


def test_no_planted_secret_is_shown_or_stored(demo: Demo, rest: Rest) -> None:
    archive = f"http://{MARK}-user:{MARK}-word@127.0.0.1:{demo.sandbox_port}/hyperkitty/archives"
    plant(rest, "hyperkitty_boost", host=archive, login=f"{MARK}-login", password=f"{MARK}-mail")
    plant(
        rest,
        "pinecone_public",
        password=f"{MARK}-key",
        extra=json.dumps({"index_name": "boost", "note": MARK}),
    )
    try:
        ran = set()
        for dag_id, conf in RUNS:
            rest.unpause(dag_id)
            run_id = rest.trigger(dag_id, conf)
            rest.await_run(dag_id, run_id)
            ran.add(dag_id)
        assert ran == {dag["dag_id"] for dag in rest.call("GET", "/dags")["dags"]} - {"tiny_chain"}
        demo.fault(path="/hyperkitty", status=403)  # fails at once
        rest.await_run("collect_mailing_list", rest.trigger("collect_mailing_list", {"dry_run": True}))
    finally:
        demo.clear_faults()
        plant(
            rest,
            "hyperkitty_boost",
            host=archive.replace(f"{MARK}-user:{MARK}-word@", ""),
            login="",
            password="",
        )
        plant(
            rest,
            "pinecone_public",
            password="pcsk_sandbox_public",
            extra=json.dumps({"index_name": "boost"}),
        )
    found = [str(path) for path in demo.folder.rglob("*.log") if MARK in path.read_text(errors="replace")]
    found += [
        str(path)
        for path in (demo.folder / "workspace").rglob("*")
        if path.is_file() and MARK in path.read_text()
    ]
    found += _tables(demo.database("airflow"), "public", SHOWN)
    found += _tables(demo.database("boost"), None, ())
    assert found == []


def _tables(url: str, schema: str | None, names: tuple[str, ...]) -> list[str]:
    """Return the tables in which a row, as text, contains the mark."""
    query = """SELECT table_schema, table_name FROM information_schema.tables
                WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')"""
    found = []
    with psycopg.connect(url) as conn:
        for where, name in conn.execute(query).fetchall():
            if (schema and where != schema) or (names and name not in names):
                continue
            row = conn.execute(
                f'SELECT count(*) FROM "{where}"."{name}" AS t WHERE t::text LIKE %s', (f"%{MARK}%",)
            )
            if (row.fetchone() or (0,))[0]:
                found.append(f"{where}.{name}")
    return found
