"""Streams: a checkpoint after each page, validators with the last one, refreshes that go on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from core import checkpoints
from core.clock import FixedClock
from core.database import Conn
from core.errors import NotFound, UnexpectedPayload
from core.listing import ByCursor, Listing, Page, Position
from core.session import Session
from core.stream import Stream
from tests.listings import Source, id_of, key_of

Make = Callable[..., Stream]


@pytest.fixture
def make(conn: Conn, clock: FixedClock) -> Make:
    """A stream of a new run or, with the same `run_key`, of another try."""

    def stream(listing: Listing, run_key: str = "", **options: Any) -> Stream:
        unit = Session(conn, clock=clock, run_key=run_key).unit("u")
        return Stream(unit, "s", "items", listing, **options)

    return stream


def run(stream: Stream, conn: Conn, pages: int = 1000) -> list[str]:
    """Save so many pages; return the ids of their items."""
    found: list[str] = []
    for page, _ in zip(stream.pages(), range(pages), strict=False):
        with conn.transaction():
            stream.save(page, map(id_of, page.items))
        found += map(id_of, page.items)
        if pages == 1:
            break
        pages -= 1
    return found


def stored(conn: Conn) -> tuple[str | None, int]:
    found = checkpoints.read(conn, "s", "u", "items")
    return found.token, found.revision


@pytest.fixture
def source() -> Source:
    return Source({f"i{n}": f"{n:02}" for n in range(10)})


@pytest.mark.parametrize("pages", [1, 2, 3])
def test_a_killed_run_goes_on_at_its_last_page(conn: Conn, make: Make, source: Source, pages: int) -> None:
    for listing in (source.by_key(), source.by_cursor()):
        conn.execute("TRUNCATE core.checkpoint, core.http_cache")
        source.asked.clear()
        first = run(make(listing), conn, pages)
        rest = run(make(listing), conn)
        assert set(first) | set(rest) == set(source.items)
        assert len({(at.since, at.link) for at in source.asked}) == len(source.asked)


def test_an_unchanged_listing_costs_one_request_and_writes_nothing(
    conn: Conn, make: Make, source: Source
) -> None:
    run(make(source.by_key()), conn)
    before = stored(conn)
    source.asked.clear()
    stream = make(source.by_key())
    assert run(stream, conn) == []
    assert (len(source.asked), stored(conn)) == (1, before)
    source.put("11", "i3")
    assert run(make(source.by_key()), conn)[-1] == "i3"


def test_the_validator_is_that_of_the_page_to_ask_for_next(conn: Conn, make: Make, source: Source) -> None:
    run(make(source.by_key()), conn)
    assert conn.execute("SELECT page, identity FROM core.http_cache").fetchall() == [("08", "")]
    run(make(source.by_cursor(), refresh=True), conn)  # It ends elsewhere than the next run begins.
    assert conn.execute("SELECT page FROM core.http_cache").fetchall() == [("08",)]
    source.put("20", *(f"n{n}" for n in range(5)))
    run(make(source.by_key()), conn)
    assert stored(conn)[0] == "20"


def test_a_page_that_was_not_saved_is_fetched_again(conn: Conn, make: Make, source: Source) -> None:
    stream = make(source.by_key())
    for page in stream.pages():
        if key_of(page.items[0]) == "02":
            break
        with conn.transaction():
            stream.save(page)
    assert run(make(source.by_key()), conn)[0] == "i2"


def test_only_the_page_under_way_can_be_saved(conn: Conn, make: Make, source: Source) -> None:
    stream = make(source.by_key())
    pages = stream.pages()
    first = next(pages)
    next(pages)
    with pytest.raises(ValueError, match="yielded last"), conn.transaction():
        stream.save(first)


def test_a_window_moves_nothing_and_uses_no_validator(conn: Conn, make: Make, source: Source) -> None:
    run(make(source.by_key()), conn)
    before = stored(conn)
    assert run(make(source.by_key(), since="05"), conn)[0] == "i5"
    assert stored(conn) == before


def test_a_window_goes_on_in_the_tries_of_its_run(conn: Conn, make: Make, source: Source) -> None:
    for listing in (source.by_key, source.by_cursor):
        conn.execute("TRUNCATE core.checkpoint")
        first = run(make(listing(), "monday", since="02"), conn, pages=2)
        rest = run(make(listing(), "monday", since="02"), conn)
        assert set(first) | set(rest) == {f"i{n}" for n in range(2, 10)}
        assert len(rest) < 8
        source.asked.clear()
        assert run(make(listing(), "monday", since="02"), conn) == []
        assert source.asked == []
        assert len(set(run(make(listing(), "tuesday", since="02"), conn))) == 8


def test_a_refresh_lists_everything_once_in_all_tries_of_a_run(
    conn: Conn, make: Make, source: Source
) -> None:
    run(make(source.by_key()), conn)
    assert run(make(source.by_key(), "monday", refresh=True), conn, pages=2)[0] == "i0"
    source.asked.clear()
    run(make(source.by_key(), "monday", refresh=True), conn)
    assert source.asked[0].since == "04"
    source.asked.clear()
    run(make(source.by_key(), "monday", refresh=True), conn)
    assert len(source.asked) == 1
    assert set(run(make(source.by_key(), "tuesday", refresh=True), conn)) == set(source.items)


def test_another_refresh_goes_on_with_one_that_was_not_completed(
    conn: Conn, make: Make, source: Source
) -> None:
    run(make(source.by_key(), "monday", refresh=True), conn, pages=2)
    assert run(make(source.by_key(), "tuesday", refresh=True), conn)[0] == "i4"
    source.asked.clear()
    run(make(source.by_key(), "tuesday", refresh=True), conn)
    assert len(source.asked) == 1


def test_a_usual_run_completes_a_killed_refresh(conn: Conn, make: Make, source: Source) -> None:
    run(make(source.by_key()), conn)
    run(make(source.by_key(), refresh=True), conn, pages=1)
    assert run(make(source.by_key()), conn)[0] == "i2"
    assert checkpoints.read(conn, "s", "u", "items").extras["phase"] == "done"


def seen(conn: Conn) -> set[str]:
    return {key for (key,) in conn.execute("SELECT key FROM core.seen_item")}


@pytest.mark.parametrize("pages", [1, 2, 3, 1000])
def test_a_refresh_knows_what_all_its_tries_have_seen(
    conn: Conn, make: Make, source: Source, pages: int
) -> None:
    for listing in (source.by_key, source.by_cursor):
        conn.execute("TRUNCATE core.checkpoint")
        run(make(listing(), finds_missing=True), conn)
        assert seen(conn) == set()
        tries = 0
        while True:
            stream = make(listing(), "monday", refresh=True, finds_missing=True)
            run(stream, conn, pages)
            tries += 1
            if stream.has_shown_everything:
                break
        assert seen(conn) == set(source.items)
        assert (tries == 1) == (pages == 1000)
        with conn.transaction():
            stream.settle()
        assert (seen(conn), stream.has_shown_everything) == (set(), False)
        assert not make(listing(), "monday", refresh=True, finds_missing=True).has_shown_everything


def test_what_arrives_before_a_refresh_is_settled_was_seen(conn: Conn, make: Make, source: Source) -> None:
    run(make(source.by_key(), "monday", refresh=True, finds_missing=True), conn)
    source.put("11", "new")
    stream = make(source.by_key(), finds_missing=True)
    run(stream, conn)
    assert stream.has_shown_everything
    assert "new" in seen(conn)


def test_a_refresh_that_is_not_settled_is_not_listed_again(conn: Conn, make: Make, source: Source) -> None:
    run(make(source.by_key(), "monday", refresh=True, finds_missing=True), conn)
    source.asked.clear()
    stream = make(source.by_key(), "tuesday", refresh=True, finds_missing=True)
    run(stream, conn)
    assert (len(source.asked), stream.has_shown_everything) == (1, True)
    with conn.transaction():
        stream.settle()
    assert not make(source.by_key(), "tuesday", refresh=True, finds_missing=True).has_shown_everything
    run(make(source.by_key(), "wednesday", refresh=True, finds_missing=True), conn)
    assert seen(conn) == set(source.items)


def test_a_run_that_moves_nothing_settles_nothing(conn: Conn, make: Make, source: Source) -> None:
    run(make(source.by_key(), "monday", refresh=True, finds_missing=True), conn)
    assert not make(source.by_key(), moves=False, finds_missing=True).has_shown_everything


def test_a_full_last_page_is_never_taken_as_unchanged(conn: Conn, make: Make) -> None:
    source = Source(dict.fromkeys(("a", "b", "c"), "05"))
    run(make(source.by_key()), conn)
    source.put("05", "d")
    assert "d" in run(make(source.by_key()), conn)


def test_a_pass_over_one_key_goes_on_after_a_kill(conn: Conn, make: Make) -> None:
    source = Source(dict.fromkeys((f"i{n}" for n in range(8)), "05"))
    found: set[str] = set()
    for _ in range(20):
        page = run(make(source.by_key()), conn, pages=1)
        found |= set(page)
    assert found == set(source.items)
    assert stored(conn)[0] == "05"
    assert [at.link for at in source.asked][:7] == ["", "", "3", "6", "", "3", "6"]


def test_a_cursor_that_expired_begins_the_listing_again(conn: Conn, make: Make, source: Source) -> None:
    run(make(source.by_cursor(), since=None), conn, pages=1)

    def expired(at: Position, known: Any) -> Page:
        if at.link == "3" and len(source.asked) == 1:
            raise NotFound("invalid_cursor")
        return source.page(at, known)

    assert set(run(make(ByCursor(expired, key_of)), conn)) == set(source.items)


def test_a_cursor_that_leads_in_a_circle_is_an_error(conn: Conn, make: Make) -> None:
    def circle(at: Position, known: Any) -> Page:
        return Page([{"id": "i", "key": "01"}], next={"": "a", "a": "b", "b": "a"}[at.link])

    with pytest.raises(UnexpectedPayload, match="leads back to a page"):
        run(make(ByCursor(circle, key_of)), conn)


def test_progress_knows_how_many_requests_are_left(conn: Conn, clock: FixedClock, source: Source) -> None:
    session = Session(conn, clock=clock)
    unit = session.unit("u")
    stream = Stream(unit, "s", "items", source.by_cursor())
    shares = []
    for page in stream.pages():
        with conn.transaction():
            stream.save(page)
        shares.append((unit.progress.requests_done, unit.progress.requests_expected))
    assert shares == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_pass_that_never_agreed_begins_anew_in_the_next_run(conn: Conn, make: Make) -> None:
    source = Source(dict.fromkeys((f"i{n}" for n in range(7)), "05"))
    source.before = lambda number: source.put("05", f"more{number}")
    with pytest.raises(UnexpectedPayload, match="changed during each of 5 passes"):
        run(make(source.by_key()), conn)
    source.before = lambda number: None
    assert set(run(make(source.by_key()), conn)) == set(source.items)


def test_a_cursor_may_expire_within_a_run(conn: Conn, make: Make, source: Source) -> None:
    refused = []

    def expiring(at: Position, known: Any) -> Page:
        if at.link == "6" and not refused:
            refused.append(at)
            raise NotFound("invalid_cursor")
        return source.page(at, known)

    assert set(run(make(ByCursor(expiring, key_of)), conn)) == set(source.items)


@pytest.mark.parametrize("extras", [{"chain": 3}, {"passes": "x"}, {"link": None}])
def test_a_checkpoint_of_another_version_keeps_its_key(
    conn: Conn, make: Make, source: Source, extras: dict[str, Any]
) -> None:
    with conn.transaction():
        at = checkpoints.read(conn, "s", "u", "items")
        checkpoints.advance(conn, at, token="06", extras=extras)
    assert run(make(source.by_key()), conn)[0] == "i6"
