"""Queries in the order of a key, or for a prefix of it, read a range of an index. Rows are counted, not seconds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from core import raw
from core.database import Conn
from core.sql import sql
from launcher.migrate import upgrade
from launcher.postgres import EmbeddedServer

ROWS, LIMIT = 4000, 20
FILL = f"""
INSERT INTO core.raw_payload (source, kind, key, fetched_at, sha256, body)
SELECT 'mailing_list', kind, list || '/' || md5(n::text), now(), sha256(''), repeat(md5(n::text), 20)::bytea
  FROM generate_series(1, {ROWS}) AS n, unnest('{{email,index_item}}'::text[]) AS kind,
       unnest('{{a@example.org,b@example.org,c@example.org}}'::text[]) AS list;
INSERT INTO identity.profile (type, created_at) SELECT 'mailing_list', now() FROM generate_series(1, 50);
INSERT INTO identity.mailing_list_profile (profile_id, sender_key, display_name, created_at, renamed_at)
SELECT id, 'name:' || id, 'Writer', now(), now() FROM identity.profile;
INSERT INTO mailing_list.message
       (list_name, message_hash, mailing_list_profile_id, content, content_hash, created_at, updated_at)
SELECT list, md5(n::text), 1 + n % 50, repeat(md5(n::text), 20), '', now(), now()
  FROM generate_series(1, {ROWS}) AS n, unnest('{{a@example.org,b@example.org}}'::text[]) AS list;
INSERT INTO pinecone.ledger
       (instance, namespace, record_id, app_type, doc_id, source_ids, text_sha256, meta_sha256, synced_at)
SELECT 'public', namespace, md5(n::text), 'mailing', n / 4, ARRAY[(n / 4)::text], repeat('0', 64), repeat('0', 64),
       now()
  FROM generate_series(1, {ROWS}) AS n, unnest('{{one,two,three}}'::text[]) AS namespace
 WHERE n % 4 > 0;
"""
SEEN = f"""
INSERT INTO pg_temp.seen_message SELECT md5(n::text) FROM generate_series(1, {ROWS}) AS n WHERE n % 4 > 1;
INSERT INTO pg_temp.seen_record SELECT md5(n::text) FROM generate_series(1, {ROWS}) AS n WHERE n % 4 > 1;
INSERT INTO pg_temp.inventory SELECT md5(n::text), true, true FROM generate_series(1, {ROWS}) AS n;
"""
RAW = {
    "source": "mailing_list",
    "kind": "email",
    "prefix": "b@example.org/",
    "limit": LIMIT,
    "bytes": 1 << 20,
}
SOURCE = {"instance": "public", "namespace": "two", "app_type": "mailing"}
PAGE = {"after": "8", "limit": LIMIT}


@pytest.fixture(scope="module")
def filled(postgres: EmbeddedServer) -> Iterator[Conn]:
    """A database with a few thousand rows per table, of several lists and namespaces."""
    postgres.ensure_database("filled")
    url = postgres.url("filled")
    upgrade(url)
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(FILL)
        for made in (
            "mailing_list/make_seen_messages",
            "pinecone/make_seen_tables",
            "pinecone/make_inventory",
        ):
            conn.execute(sql(made))
        conn.execute(SEEN)
        conn.execute("VACUUM ANALYZE")
        # A few thousand rows are soon read as a whole; what counts is the plan for a million.
        conn.execute("SET enable_seqscan = off; SET enable_hashjoin = off")
        yield conn


def plan(conn: Conn, name: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    """Run a query and return the nodes of its plan."""
    row = conn.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql(name)}", values, prepare=False).fetchone()
    waiting = [row[0][0]["Plan"]] if row else []
    found = []
    while waiting:
        node = waiting.pop()
        waiting += node.get("Plans", [])
        found.append(node)
    return found


def looked_at(node: dict[str, Any]) -> int:
    rows = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
    return round(rows * node["Actual Loops"])


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("core/read_raw_after", {**RAW, "after": "b@example.org/8"}),
        ("mailing_list/find_documents", {"since": None, "failed": [], **PAGE}),
        ("mailing_list/find_removed_messages", {"list_name": "b@example.org", **PAGE}),
        ("pinecone/find_orphans", {**SOURCE, **PAGE, "complete": True}),
        ("pinecone/find_strays", {**SOURCE, **PAGE}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_page_looks_at_few_rows_and_sorts_at_most_itself(
    filled: Conn, name: str, values: dict[str, Any]
) -> None:
    nodes = plan(filled, name, values)
    assert nodes[0]["Actual Rows"] == LIMIT
    assert max(map(looked_at, nodes)) < 10 * LIMIT  # of 2,000 that come after this key
    copies = (
        2 if name == "mailing_list/find_documents" else 0
    )  # sorts each document's copies, which are in two lists
    assert sum(looked_at(node) for node in nodes if "Sort" in node["Node Type"]) <= copies * LIMIT


@pytest.mark.parametrize("prefix", ["a@example.org/", "c@example.org/"])
def test_the_first_and_the_last_page_of_a_prefix_look_at_its_keys_only(filled: Conn, prefix: str) -> None:
    for after, found in (("", LIMIT), (f"{prefix}ff", None), (f"{prefix}z", 0)):
        nodes = plan(filled, "core/read_raw_after", {**RAW, "prefix": prefix, "after": after})
        assert found in (None, nodes[0]["Actual Rows"])
        assert max(map(looked_at, nodes)) <= LIMIT + 1  # a window looks one row ahead
        assert not any("Sort" in node["Node Type"] for node in nodes)


def test_payloads_are_read_in_the_order_of_their_keys_without_sorting(filled: Conn) -> None:
    query = "SELECT key FROM core.raw_payload WHERE kind = 'email' AND key >= 'b@example.org/8' ORDER BY 1 LIMIT 50"
    keys = [row[0] for row in filled.execute(query)]
    nodes = plan(filled, "core/read_raw", {**RAW, "keys": keys})
    assert [node["Node Type"] for node in nodes] == ["Index Scan"]
    assert looked_at(nodes[0]) == len(keys)


@pytest.mark.parametrize("name", ["records_of_documents", "records_of_sources"])
def test_records_of_a_few_documents_are_found_by_these_and_only_they_are_sorted(
    filled: Conn, name: str
) -> None:
    nodes = plan(filled, f"pinecone/{name}", {**SOURCE, **PAGE, "ids": ["7", "8", "9", "10"]})
    assert max(map(looked_at, nodes)) <= 3 * 3 * 4  # three records of each, in three namespaces


def test_a_prefix_is_planned_for_anew_each_time(conn: Conn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw, "KEYS_PER_QUERY", 1)
    now = conn.execute("SELECT now()").fetchone()
    assert now is not None
    with conn.transaction():
        raw.save(conn, "s", "k", [raw.RawItem(f"a/{n:02}", b"x", now[0]) for n in range(20)])
    assert len(list(raw.iterate(conn, "s", "k", prefix="a/"))) == 20
    kept = conn.execute("SELECT statement FROM pg_prepared_statements").fetchall()
    assert not any("starts_with" in statement for (statement,) in kept)
