"""Profiles of accounts on made-up platforms that are like the real ones: with ids and logins, and known by name only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import permutations
from random import Random
from typing import Any

import psycopg
import pytest
from sqlalchemy import BigInteger, Boolean, Column, String, create_engine, text

from core.database import Conn
from core.tables import metadata, natural_key, words
from launcher.migrate import upgrade
from launcher.postgres import EmbeddedServer
from tests.crash.seams import Seam, connect
from tests.share import some
from tests.waiting import until
from trackers.identity import api
from trackers.identity.api import Account, Platform, declare_platform, ensure_profiles

START = datetime(2020, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def forges() -> Platform:
    """Like GitHub: ids are numbers; names, logins and kinds of account change."""
    return declare_platform(
        "forge",
        "forge_account",
        Column("forge_id", BigInteger, nullable=False),
        words("username", length=39),
        words("avatar_url", length=512),
        Column("account_type", String(20), nullable=False, server_default="user"),
        Column("is_bot", Boolean, nullable=False, server_default=text("false")),
        login="username",
        comment="Accounts on a forge",
    )


def papers() -> Platform:
    """Like the authors of papers: known only by what they write below their papers."""
    key = natural_key("author_key", length=300)
    comment = "Authors of papers"
    return declare_platform(
        "papers", "paper_author", key, naming="earliest", unnamed="Anonymous", comment=comment
    )


@pytest.fixture(scope="module")
def platforms() -> Iterator[tuple[Platform, Platform]]:
    """Two platforms, which other tests do not see."""
    made = forges(), papers()
    for platform in made:
        metadata.remove(platform.table)
    yield made
    for platform in made:
        del api.READABLE[platform.table.fullname]


@pytest.fixture(scope="module")
def forge(platforms: tuple[Platform, Platform]) -> Platform:
    return platforms[0]


@pytest.fixture(scope="module")
def paper(platforms: tuple[Platform, Platform]) -> Platform:
    return platforms[1]


@pytest.fixture(scope="module")
def url(postgres: EmbeddedServer, platforms: tuple[Platform, Platform]) -> str:
    """A database with the tables of both platforms."""
    postgres.ensure_database("profiles")
    address = postgres.url("profiles")
    upgrade(address)
    engine = create_engine(address.replace("postgresql://", "postgresql+psycopg://"))
    for platform in platforms:
        platform.table.create(engine)
    engine.dispose()
    return address


@pytest.fixture
def conn(url: str) -> Iterator[Conn]:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("TRUNCATE identity.profile RESTART IDENTITY CASCADE")
        yield connection


def day(number: int) -> datetime:
    return START + timedelta(days=number)


def save(conn: Conn, platform: Platform, *accounts: Account, now: datetime = NOW) -> dict[Any, int]:
    with conn.transaction():
        return ensure_profiles(conn, platform, accounts, source="test", now=now)


def stored(conn: Conn, platform: Platform, what: str) -> list[Any]:
    return conn.execute(
        f"SELECT {what} FROM {platform.table.fullname} ORDER BY {platform.key}"  # type: ignore[arg-type]
    ).fetchall()


def aliases(conn: Conn) -> list[Any]:
    return conn.execute("SELECT kind, name FROM identity.profile_alias ORDER BY 1, 2").fetchall()


def content(conn: Conn, platform: Platform) -> list[Any]:
    """Everything about the accounts but ids and times of ours."""
    mine = f"SELECT {platform.key} FROM {platform.table.fullname} AS p WHERE p.profile_id = t.profile_id"
    ours = "'{id,profile_id,created_at,renamed_at}'::text[]"
    return [
        conn.execute(
            f"SELECT ({mine}), to_jsonb(t) - {ours} FROM {table} AS t ORDER BY 1, 2"  # type: ignore[arg-type]
        ).fetchall()
        for table in (platform.table.fullname, "identity.profile_alias", "identity.email")
    ]


def person(
    number: int, name: str = "", when: int | None = None, emails: Sequence[str] = (), **values: Any
) -> Account:
    return Account(number, name, values, emails=emails, seen_at=None if when is None else day(when))


def test_the_newest_name_and_login_win_and_the_old_ones_remain_as_aliases(
    conn: Conn, forge: Platform
) -> None:
    ids = save(conn, forge, person(77777, "Jan Roe", 3, username="newlogin", account_type="organization"))
    later = NOW + timedelta(days=1)
    assert save(conn, forge, person(77777, "J. Roe", 1, username="old"), now=later) == ids
    names = "username, display_name, account_type, renamed_at"
    assert stored(conn, forge, names) == [("newlogin", "Jan Roe", "organization", NOW)]
    save(conn, forge, person(77777, "Jan Poe", 4), now=later)
    assert stored(conn, forge, names) == [("newlogin", "Jan Poe", "organization", later)]
    assert aliases(conn) == [
        ("login", "newlogin"),
        ("login", "old"),
        ("name", "J. Roe"),
        ("name", "Jan Poe"),
        ("name", "Jan Roe"),
    ]


def test_what_a_payload_does_not_show_stays_as_it_is(conn: Conn, forge: Platform) -> None:
    save(conn, forge, person(1, "Jan", 1, username="jan", avatar_url="a.png", is_bot=True))
    save(conn, forge, person(1, "", 2, username="", avatar_url=None))
    save(conn, forge, person(2))
    columns = "display_name, username, avatar_url, account_type, is_bot"
    assert stored(conn, forge, columns) == [
        ("Jan", "jan", "a.png", "user", True),
        ("", "", "", "user", False),
    ]


def test_a_new_login_counts_as_a_renaming_and_a_new_picture_does_not(conn: Conn, forge: Platform) -> None:
    save(conn, forge, person(1, "Jan", 1, username="jan", avatar_url="a.png"))
    later = NOW + timedelta(days=1)
    save(conn, forge, person(1, "Jan", 2, username="jan", avatar_url="b.png"), now=later)
    assert stored(conn, forge, "avatar_url, renamed_at") == [("b.png", NOW)]
    save(conn, forge, person(1, "Jan", 3, username="jan2"), now=later)
    assert stored(conn, forge, "username, renamed_at") == [("jan2", later)]


def test_the_columns_cut_what_is_too_long(conn: Conn, forge: Platform) -> None:
    save(conn, forge, person(1, "x" * 300, 1, username="y" * 300))
    assert stored(conn, forge, "length(display_name), length(username)") == [(255, 39)]
    assert {(kind, len(name)) for kind, name in aliases(conn)} == {("name", 255), ("login", 255)}


FORGE_SIGHTINGS = (
    person(1, "Jan", 1, ["Jan@Example.org"], username="jan", account_type="user"),
    person(1, "Jan Roe", 5, ["jan@example.org"], username="jan", is_bot=True),
    person(1, "", 7, username="jan-roe"),
    person(1, "Someone", None, ["x@lists.boost.org"], username="lost", avatar_url="old.png"),
    person(1, "Jan R.", 5, username="jr", account_type="organization", is_bot=False),
    person(2, "Pat", 2, ["jan@example.org"]),
)
PAPER_SIGHTINGS = (
    Account("roe", "Jan Roe", emails=["jan@example.org"], seen_at=day(5), seen_until=day(9)),
    Account("roe", "J. Roe", aliases=["Roe, Jan"], seen_at=day(5)),
    Account("roe", "", emails=["old@example.org"], seen_at=day(1)),
    Account("roe", "Undated", emails=["undated@example.org"]),
    Account("poe", "", emails=["poe@example.org"], seen_at=day(2)),
    Account("poe", "", emails=["early@example.org"], seen_at=day(1)),
)


@pytest.mark.parametrize(("which", "sightings"), [(0, FORGE_SIGHTINGS), (1, PAPER_SIGHTINGS)])
def test_the_order_of_arrival_does_not_matter(
    conn: Conn, platforms: tuple[Platform, Platform], which: int, sightings: tuple[Account, ...]
) -> None:
    platform, expected = platforms[which], None
    for order in some(Random(1).sample(list(permutations(sightings)), 40)):
        for size in (1, 3, len(order)):
            conn.execute("TRUNCATE identity.profile CASCADE")
            for first in range(0, len(order), size):
                save(conn, platform, *order[first : first + size])
            expected = expected or content(conn, platform)
            assert content(conn, platform) == expected, (order, size)
    if platform.named_by_earliest:
        assert stored(conn, platform, "display_name") == [("early",), ("J. Roe",)]
    else:
        shown = stored(conn, platform, "display_name, username, account_type, is_bot, avatar_url")
        assert shown[0] == ("Jan Roe", "jan-roe", "organization", True, "old.png")
    primary = conn.execute("SELECT email FROM identity.email WHERE is_primary ORDER BY 1").fetchall()
    found = {
        0: [("jan@example.org",), ("jan@example.org",)],
        1: [("early@example.org",), ("old@example.org",)],
    }
    assert primary == found[which]


def test_addresses_are_stored_once_whatever_their_case(conn: Conn, forge: Platform) -> None:
    emails = ["Jan.Roe@Example.org", "jan.roe@example.org ", "boost@lists.boost.org", ""]
    save(conn, forge, person(1, "Jan", 1, emails), person(1, "Jan", 2, emails[:1]))
    found = conn.execute(
        "SELECT email, email_key, is_shared, first_seen_at, source FROM identity.email ORDER BY 1"
    )
    assert found.fetchall() == [
        ("boost@lists.boost.org", "boost@lists.boost.org", True, day(1), "test"),
        ("jan.roe@example.org", "jan.roe@example.org", False, day(1), "test"),
    ]


def test_what_is_known_is_neither_written_nor_locked(conn: Conn, forge: Platform, paper: Platform) -> None:
    def versions() -> list[Any]:
        tables = (forge.table.fullname, paper.table.fullname, "identity.profile_alias", "identity.email")
        marks = "array_agg((ctid, xmin, xmax)::text ORDER BY ctid)"
        return [conn.execute(f"SELECT {marks} FROM {table}").fetchone() for table in tables]  # type: ignore[arg-type]

    save(conn, forge, *FORGE_SIGHTINGS)
    save(conn, paper, *PAPER_SIGHTINGS)
    before = versions()
    save(conn, forge, *reversed(FORGE_SIGHTINGS))
    save(conn, paper, *reversed(PAPER_SIGHTINGS))
    assert versions() == before


@pytest.mark.parametrize("which", [0, 1])
def test_the_number_of_statements_does_not_depend_on_the_number_of_accounts(
    conn: Conn, url: str, platforms: tuple[Platform, Platform], which: int
) -> None:
    def calls(accounts: Iterable[Account]) -> int:
        seam = Seam()
        with connect(url, seam) as counted:
            save(counted, platforms[which], *accounts)
        return seam.calls

    def many(start: int, end: int, when: int) -> list[Account]:
        """Each of them with a name and an address of its own."""
        made = [
            (f"k{n:04}" if which else n, f"Name {n} {when}", f"{n}@example.org") for n in range(start, end)
        ]
        return [Account(key, name, emails=[email], seen_at=day(when)) for key, name, email in made]

    assert calls(many(0, 2, 1)) == calls(many(2, 1000, 1))
    assert calls(many(0, 2, 2)) == calls(many(2, 1000, 2))
    assert calls(many(0, 2, 2)) == calls(many(2, 1000, 2)) < 5


def test_two_tasks_that_see_the_same_new_account_get_one_profile(
    conn: Conn, url: str, forge: Platform
) -> None:
    accounts = [person(number, f"Name {number}", 1) for number in (3, 1, 2)]
    with ThreadPoolExecutor(1) as pool, psycopg.connect(url, autocommit=True) as other:
        with conn.transaction():
            first = ensure_profiles(conn, forge, accounts, source="a", now=NOW)
            second = pool.submit(save, other, forge, *reversed(accounts))
            waits_for(conn, other)
        assert second.result() == first
    assert conn.execute("SELECT count(*), max(type) FROM identity.profile").fetchone() == (3, "forge")


@pytest.mark.parametrize("which", [0, 1])
def test_tasks_that_see_the_same_person_at_once_see_each_others_sightings(
    conn: Conn, url: str, platforms: tuple[Platform, Platform], which: int
) -> None:
    platform, key = platforms[which], ("roe" if which else 7)

    def seen(when: int) -> Account:
        name, email = f"Name {when}", f"{when}@example.org"
        return Account(key, name, emails=[email], seen_at=day(when))

    save(conn, platform, seen(5))
    with ThreadPoolExecutor(1) as pool, psycopg.connect(url, autocommit=True) as other:
        with conn.transaction():
            ensure_profiles(conn, platform, [seen(3), seen(7)], source="a", now=NOW)
            second = pool.submit(save, other, platform, seen(1), seen(6))
            waits_for(conn, other)
        second.result()
    assert stored(conn, platform, "display_name") == [("Name 1" if which else "Name 7",)]
    assert conn.execute("SELECT email FROM identity.email WHERE is_primary").fetchall() == [
        ("1@example.org",)
    ]


def waits_for(conn: Conn, other: Conn) -> None:
    """Wait until a connection waits for a lock that another one holds."""
    held = "SELECT %s = ANY(pg_blocking_pids(%s))"
    pids = (conn.info.backend_pid, other.info.backend_pid)
    with psycopg.connect(conn.info.dsn, autocommit=True) as looking:
        until(lambda: (looking.execute(held, pids).fetchone() or [False])[0], pause=0.01)


@pytest.mark.parametrize("which", [0, 1])
def test_tasks_side_by_side_neither_deadlock_nor_differ_from_one_task(
    conn: Conn, url: str, platforms: tuple[Platform, Platform], which: int
) -> None:
    platform, random = platforms[which], Random(which)

    def sighting() -> Account:
        number, when = random.randrange(12), random.randrange(1000)
        name, email = f"Name {random.randrange(9)}", f"{random.randrange(9)}@example.org"
        return Account(f"k{number}" if which else number, name, emails=[email], seen_at=day(when))

    batches = [[sighting() for _ in range(15)] for _ in range(60)]

    def work(mine: list[list[Account]]) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            for batch in mine:
                save(connection, platform, *batch)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, (batches[::3], batches[1::3], batches[2::3])))
    side_by_side = content(conn, platform)
    conn.execute("TRUNCATE identity.profile CASCADE")
    work(batches)
    assert content(conn, platform) == side_by_side


@pytest.mark.parametrize(
    ("account", "message"),
    [
        (Account("", "Nobody"), "papers: an account without a usable author_key"),
        (Account("  ", "Nobody"), "papers: an account without a usable author_key"),
        (Account(5, "Five"), "papers: an account without a usable author_key"),
        (Account("k", seen_at=datetime(2020, 1, 1)), "papers: an account was seen at a time without a zone"),
        (Account("k", values={"colour": "red"}), "papers: accounts have no column colour"),
    ],
)
def test_an_account_that_cannot_be_stored_is_an_error(
    conn: Conn, paper: Platform, account: Account, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        save(conn, paper, Account("good", "Good"), account)
    assert stored(conn, paper, "1") == []


def test_nothing_seen_is_no_statement(conn: Conn, paper: Platform) -> None:
    assert save(conn, paper) == {}


def test_the_account_of_a_profile_is_on_the_profiles_platform(
    conn: Conn, forge: Platform, paper: Platform
) -> None:
    ids = save(conn, forge, person(1, "Jan", 1))
    insert = f"INSERT INTO {paper.table.fullname} (profile_id, type, author_key, created_at, renamed_at)"
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        conn.execute(f"{insert} VALUES (%s, 'papers', 'k', now(), now())", (ids[1],))  # type: ignore[arg-type]
    with pytest.raises(psycopg.errors.CheckViolation):
        conn.execute(f"{insert} VALUES (%s, 'forge', 'k', now(), now())", (ids[1],))  # type: ignore[arg-type]


def test_a_platform_is_declared_with_a_plain_name_and_defaults(forge: Platform) -> None:
    assert api.READABLE[forge.table.fullname]
    key = natural_key("key")
    with pytest.raises(ValueError, match="'My Forge' cannot name a platform"):
        declare_platform("My Forge", "x", key, comment="x")
    with pytest.raises(ValueError, match=r"x\.level needs a default"):
        declare_platform("x", "x", key, Column("level", BigInteger), comment="x")
