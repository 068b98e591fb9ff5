"""Snapshots of made-up tables: what they leave out, what they resolve, and tables that they refuse."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    create_engine,
    func,
    text,
)

from core.database import Conn
from core.tables import OURS, moment, surrogate
from launcher.postgres import EmbeddedServer
from tests.crash.natural_keys import NoNaturalKey
from tests.crash.snapshot import query, snapshot
from trackers.schema import metadata as collected

club = MetaData()


def number_of(table: str, name: str = "", **kind: Any) -> Column[Any]:
    return Column(name or f"{table}_id", BigInteger, ForeignKey(f"{table}.id"), **kind)


Table("person", club, surrogate(), Column("kind", String, nullable=False))
Table(
    "member",
    club,
    Column("person_id", BigInteger, ForeignKey("person.id"), primary_key=True),
    Column("login", String, nullable=False, unique=True),
)
Table(
    "guest",
    club,
    Column("person_id", BigInteger, ForeignKey("person.id"), primary_key=True),
    Column("name", String, nullable=False),
    Column("town", String, nullable=False),
    UniqueConstraint("name", "town"),
)
Table(
    "room",
    club,
    surrogate(),
    Column("name", String),
    Index("room_name", func.lower(text("name")), unique=True),
)
Table(
    "booking",
    club,
    surrogate(),
    number_of("room", nullable=False),
    number_of("person", nullable=False),
    number_of("booking", "moved_from_id"),
    Column("member_id", BigInteger, ForeignKey("member.person_id"), comment="Who let them in"),
    Column("day", Integer, nullable=False),
    Column("tries", Integer, nullable=False, info={OURS: True}),
    moment("booked_at", ours=True),
    moment("cancelled_at", nullable=True, ours=True),
    moment("begins_at"),
    UniqueConstraint("room_id", "day"),
)
Table("tag", club, Column("name", String, primary_key=True))
Table(
    "booking_tag",
    club,
    number_of("booking", primary_key=True),
    Column("tag_name", String, ForeignKey("tag.name"), primary_key=True),
)
Table("diary", club, surrogate(), Column("text", String), info={OURS: True})

FIRST = """
INSERT INTO person (id, kind) VALUES (1, 'member'), (2, 'guest'), (3, 'member');
INSERT INTO member VALUES (1, 'jan'), (3, 'pat');
INSERT INTO guest VALUES (2, 'Kim', 'Ulm');
INSERT INTO room (id, name) VALUES (1, 'Red'), (2, 'Blue');
INSERT INTO booking VALUES
       (1, 1, 1, NULL, NULL, 5, 1, '2024-01-01Z', NULL, '2024-02-01Z'),
       (2, 2, 2, 1, 3, 6, 1, '2024-01-01Z', '2024-01-05Z', '2024-02-01Z');
INSERT INTO tag VALUES ('loud');
INSERT INTO booking_tag VALUES (2, 'loud');
"""
OTHER_NUMBERS = """
INSERT INTO person (id, kind) VALUES (30, 'guest'), (10, 'member'), (20, 'member');
INSERT INTO member VALUES (20, 'jan'), (10, 'pat');
INSERT INTO guest VALUES (30, 'Kim', 'Ulm');
INSERT INTO room (id, name) VALUES (9, 'Blue'), (8, 'Red');
INSERT INTO booking VALUES
       (5, 8, 20, NULL, NULL, 5, 3, '2024-01-02Z', NULL, '2024-02-01Z'),
       (4, 9, 30, 5, 10, 6, 2, '2024-01-03Z', '2024-01-06Z', '2024-02-01Z');
INSERT INTO tag VALUES ('loud');
INSERT INTO booking_tag VALUES (4, 'loud');
INSERT INTO diary (text) VALUES ('This is of ours');
"""


@pytest.fixture(scope="module")
def url(postgres: EmbeddedServer) -> str:
    postgres.ensure_database("club")
    address = postgres.url("club")
    engine = create_engine(address.replace("postgresql://", "postgresql+psycopg://"))
    club.create_all(engine)
    engine.dispose()
    return address


@pytest.fixture
def conn(url: str) -> Iterator[Conn]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def found(conn: Conn, rows: str, change: str = "") -> dict[str, list[Any]]:
    conn.execute(f"TRUNCATE {', '.join(club.tables)}")  # type: ignore[arg-type]
    conn.execute(f"{rows}; {change}")  # type: ignore[arg-type]
    return snapshot(conn, club)


def test_rows_are_compared_without_their_numbers_and_times_of_ours(conn: Conn) -> None:
    first = found(conn, FIRST)
    assert found(conn, OTHER_NUMBERS) == first
    assert sorted(first) == ["booking", "booking_tag", "guest", "member", "person", "room", "tag"]
    kim = ["guest", ["Kim", "Ulm"]]
    moved = first["booking"][1] if first["booking"][0]["moved_from_id"] is None else first["booking"][0]
    assert moved == {
        "id": [["blue"], 6],
        "room_id": ["blue"],
        "person_id": kim,
        "moved_from_id": [["red"], 5],
        "member_id": ["pat"],
        "day": 6,
        "cancelled_at": True,
        "begins_at": moved["begins_at"],
    }
    assert first["booking_tag"] == [{"booking_id": [["blue"], 6], "tag_name": "loud"}]
    assert {"id": kim, "kind": "guest"} in first["person"]


@pytest.mark.parametrize(
    ("change", "tables"),
    [
        (
            "UPDATE booking SET tries = 9, booked_at = '2030-01-01Z', cancelled_at = cancelled_at + '1 day'",
            set(),
        ),
        ("UPDATE booking SET person_id = 3 WHERE id = 1", {"booking"}),
        ("UPDATE booking SET moved_from_id = NULL", {"booking"}),
        ("UPDATE booking SET cancelled_at = '2024-01-05Z'", {"booking"}),
        ("UPDATE booking SET begins_at = '2024-02-02Z' WHERE id = 1", {"booking"}),
        ("UPDATE booking_tag SET booking_id = 1", {"booking_tag"}),
        ("UPDATE room SET name = 'Green' WHERE id = 2", {"room", "booking", "booking_tag"}),
        ("UPDATE guest SET town = 'Bonn'", {"guest", "person", "booking"}),
        ("INSERT INTO person VALUES (4, 'member')", {"person"}),
    ],
)
def test_what_differs_shows_wherever_it_is_referred_to(conn: Conn, change: str, tables: set[str]) -> None:
    before, after = found(conn, FIRST), found(conn, FIRST, change)
    assert {name for name in before if before[name] != after[name]} == tables


def numbered(*more: Any) -> Table:
    return Table("a", MetaData(), Column("id", BigInteger, Identity(), primary_key=True), *more)


def each_needs_the_other() -> Table:
    tables = MetaData()
    for name, other in ("ab", "ba"):
        Table(name, tables, surrogate(), number_of(other, nullable=False), UniqueConstraint(f"{other}_id"))
    return tables.tables["a"]


@pytest.mark.parametrize(
    "table",
    [
        numbered(Column("text", String, nullable=False)),
        numbered(Column("text", String, unique=True)),
        numbered(moment("made_at", ours=True), UniqueConstraint("made_at")),
        numbered(Column("x", Integer, nullable=False), UniqueConstraint("id", "x")),
        numbered(
            Column("x", Integer, nullable=False), Index("x", "x", unique=True, postgresql_where=text("x > 0"))
        ),
        Table("a", MetaData(), Column("id", BigInteger, primary_key=True)),
        each_needs_the_other(),
    ],
)
def test_a_table_whose_rows_only_numbers_tell_apart_is_an_error(table: Table) -> None:
    with pytest.raises(NoNaturalKey, match="a has no natural key: give it a unique constraint"):
        query(table)


def test_every_table_of_a_tracker_has_a_natural_key() -> None:
    compared = [table for table in collected.sorted_tables if not table.info.get(OURS)]
    assert all(query(table).startswith("SELECT") for table in compared)
    assert len(compared) > 10
