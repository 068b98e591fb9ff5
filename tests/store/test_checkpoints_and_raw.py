from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from core import checkpoints, raw
from core.database import Conn
from core.errors import CheckpointConflict

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(days=1)


def test_a_checkpoint_moves_only_from_where_it_was_read(conn: Conn) -> None:
    read = checkpoints.read(conn, "s", "x", "y")
    assert (read.token, read.revision) == (None, 0)
    with conn.transaction():
        first = checkpoints.advance(conn, read, token="1", marker="one", extras={"k": [1]})
    with conn.transaction():
        second = checkpoints.advance(conn, first, token="2")
    assert checkpoints.read(conn, "s", "x", "y") == second
    assert second.extras == {"k": [1]}
    for stale in (read, first):
        with pytest.raises(CheckpointConflict, match="s/x/y"), conn.transaction():
            checkpoints.advance(conn, stale, token="3")
    assert checkpoints.read(conn, "s", "x", "y").token == "2"


def test_a_checkpoint_that_vanished_is_a_conflict(conn: Conn) -> None:
    with conn.transaction():
        moved = checkpoints.advance(conn, checkpoints.read(conn, "s", "x", "y"), token="1")
    conn.execute("DELETE FROM core.checkpoint")
    with pytest.raises(CheckpointConflict), conn.transaction():
        checkpoints.advance(conn, moved, token="2")


def test_a_checkpoint_moves_only_inside_a_transaction(conn: Conn) -> None:
    with pytest.raises(RuntimeError, match="inside the transaction"):
        checkpoints.advance(conn, checkpoints.read(conn, "s", "x", "y"), token="1")


def item(key: str, body: bytes, when: datetime = NOW, stable: bytes | None = None) -> raw.RawItem:
    return raw.RawItem(key, body, when, stable=stable)


def test_raw_keeps_the_newest_bytes(conn: Conn) -> None:
    with conn.transaction():
        assert raw.save(conn, "s", "k", [item("a", b"1"), item("b", b"2")]).inserted == 2
        assert raw.save(conn, "s", "k", [item("a", b"1", LATER), item("b", b"3", LATER)]).updated == 1
    found = raw.iterate(conn, "s", "k")
    assert [(i.key, i.body, i.fetched_at) for i in found] == [("a", b"1", NOW), ("b", b"3", LATER)]


def test_volatile_fields_do_not_count(conn: Conn) -> None:
    with conn.transaction():
        raw.save(conn, "s", "k", [item("a", b"link?sig=1", stable=b"link")])
        assert raw.save(conn, "s", "k", [item("a", b"link?sig=2", stable=b"link")]).unchanged == 1


def test_raw_is_read_in_batches_by_prefix(conn: Conn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw, "KEYS_PER_QUERY", 3)
    monkeypatch.setattr(raw, "BYTES_PER_QUERY", 20)
    bodies = {f"x/{n}": b"." * (n * 4) for n in range(8)} | {"y/1": b"other"}
    with conn.transaction():
        raw.save(conn, "s", "k", [item(key, body) for key, body in bodies.items()])
    batches = list(raw.batches(conn, "s", "k", prefix="x/"))
    assert [i.key for part in batches for i in part] == sorted(k for k in bodies if k.startswith("x/"))
    assert all(sum(len(i.body) for i in part) <= 20 or len(part) == 1 for part in batches)
    raw.delete(conn, "s", "k", ["x/1", "x/2"])
    assert raw.stored(conn, "s", "k", ["x/1", "x/3", "x/9"]) == {"x/3"}
    assert [i.key for i in raw.read(conn, "s", "k", ["x/1", "x/3", "x/0"])] == ["x/0", "x/3"]
