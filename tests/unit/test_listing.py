"""Listings are read to the end while items move, share a key, or are capped."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import UnexpectedPayload
from core.listing import ByCursor, ByKey, Listing, Page, Position
from tests.listings import SIZE, Source, id_of, key_of


def read(listing: Listing, at: Position | None = None) -> tuple[list[tuple[str, str]], Position]:
    """Return all items that a run is shown, and where the next one begins."""
    at = at or Position()
    found: list[tuple[str, str]] = []
    for _ in range(300):
        page = listing.fetch(at, {})
        found += [(id_of(item), key_of(item)) for item in page.items]
        step = listing.step(at, page)
        if step.complete:
            return found, step.position
        at = step.position
    raise AssertionError("the listing did not end")


def test_each_request_goes_on_from_the_last_key() -> None:
    source = Source({f"i{n}": f"{n:02}" for n in range(6)})
    found, position = read(source.by_key())
    assert dict(found) == source.items
    assert [at.since for at in source.asked] == ["", "02", "04"]
    assert not any(at.link for at in source.asked)
    # The last page, which is not full, is asked for again: its validator is known.
    assert position == Position("04")


def test_the_next_run_sees_what_changed_and_the_last_page() -> None:
    source = Source({f"i{n}": f"{n:02}" for n in range(8)})
    _, position = read(source.by_key())
    source.put("20", "i1", "new")
    found, _ = read(source.by_key(), position)
    assert set(found) == {("i6", "06"), ("i7", "07"), ("i1", "20"), ("new", "20")}


def test_links_are_followed_within_one_key_and_proved_by_a_second_pass() -> None:
    source = Source(dict.fromkeys((f"i{n}" for n in range(7)), "05") | {"first": "01", "last": "09"})
    found, position = read(source.by_key())
    assert dict(found) == source.items
    assert [at.link for at in source.asked] == ["", "", "3", "6", "", "3", "6", ""]
    assert position == Position("09")  # Not "05", which every run would list anew.


def test_a_key_on_several_pages_is_proved_by_one_pass_if_nothing_has_changed() -> None:
    source = Source(dict.fromkeys((f"i{n}" for n in range(7)), "05"))
    _, position = read(source.by_key(), Position("05"))
    source.asked.clear()
    found, again = read(source.by_key(), position)
    assert (dict(found), again) == (source.items, position)
    assert [at.link for at in source.asked] == ["", "3", "6"]
    source.put("05", "i7")
    found, _ = read(source.by_key(), position)
    assert dict(found) == source.items
    source.put("09", "i0")
    assert read(source.by_key(), position)[1] == Position("09")


def test_an_item_that_a_link_skipped_is_seen_by_the_next_pass() -> None:
    source = Source(dict.fromkeys((f"i{n}" for n in range(6)), "05"))

    def move(number: int) -> None:
        if number == 3:  # Between two pages of "05": i3 becomes the last item of the page before.
            source.put("07", "i0")

    source.before = move
    found, _ = read(source.by_key())
    assert {("i3", "05"), ("i0", "07")} <= set(found)


@given(
    keys=st.lists(st.sampled_from(["01", "02", "03", "04"]), min_size=1, max_size=30),
    edits=st.lists(st.tuples(st.integers(0, 29), st.integers(0, 29)), max_size=12),
    cap=st.sampled_from([9, 10_000]),
)
def test_nothing_is_missed_while_items_move(keys: list[str], edits: list[tuple[int, int]], cap: int) -> None:
    # A cap below the number of items of one key is met by another test.
    cap = max(cap, 2 * max(keys.count(key) for key in keys) + len(edits))
    source = Source({f"i{n}": key for n, key in enumerate(keys)}, cap=cap)
    now = [10]

    def edit(number: int) -> None:
        for when, item in edits:
            if when == number:
                now[0] += item % 2  # Some edits share a time.
                source.put(f"{now[0]}", f"i{item % len(keys)}")

    source.before = edit
    found, position = read(source.by_key())
    source.before = lambda number: None
    again, _ = read(source.by_key(), position)
    assert set(source.items.items()) <= set(found) | set(again)


def test_a_listing_that_ends_at_a_cap_goes_on_from_its_last_key() -> None:
    source = Source({f"i{n:02}": f"{n:02}" for n in range(20)}, cap=SIZE)
    assert dict(read(source.by_key())[0]) == source.items


def test_a_key_with_more_items_than_the_cap_shows_is_an_error() -> None:
    source = Source(dict.fromkeys((f"i{n}" for n in range(12)), "05"), cap=9)
    with pytest.raises(UnexpectedPayload, match="shows only 9 items with this key; there may be more"):
        read(source.by_key(cap=9))


@pytest.mark.parametrize("page", [[("b", "02"), ("a", "01")], [("a", "00")]])
def test_another_order_is_refused(page: list[tuple[str, str]]) -> None:
    items = [{"id": item_id, "key": key} for item_id, key in page]
    listing = ByKey(lambda at, known: Page(items), key_of, id_of, SIZE)
    with pytest.raises(UnexpectedPayload, match="not in ascending order"):
        listing.step(Position("01"), Page(items))


def test_items_that_never_stay_in_place_are_an_error() -> None:
    looks = [0]

    def restless(at: Position, known: Any) -> Page:
        looks[0] += 1
        items = [{"id": f"i{looks[0]}", "key": "01"}]
        return Page(items, next="" if at.link else "2")

    with pytest.raises(UnexpectedPayload, match="changed during each of 5 passes"):
        read(ByKey(restless, key_of, id_of, 1), Position("01"))


def test_a_listing_by_cursor_keeps_its_since_until_it_is_complete() -> None:
    source = Source({f"i{n}": f"{9 - n:02}" for n in range(8)})
    found, position = read(source.by_cursor(), Position("03"))
    assert {key for _, key in found} == {f"{n:02}" for n in range(3, 10)}
    assert [at.since for at in source.asked] == ["03", "03", "03"]
    assert [at.newest for at, _ in pairwise(source.asked)] == ["", "05"]
    assert position == Position("09")


@pytest.mark.parametrize("by", ["cursor", "key"])
def test_a_key_from_the_future_is_not_where_the_next_run_begins(by: str) -> None:
    source = Source({"a": "01", "b": "02", "late": "99"})
    listings: dict[str, Listing] = {
        "cursor": ByCursor(source.page, key_of, latest="10"),
        "key": ByKey(source.page, key_of, id_of, SIZE, latest="10"),
    }
    found, position = read(listings[by])
    assert ("late", "99") in found
    assert position == Position("02")


def test_pages_of_keys_from_the_future_are_read_to_the_end() -> None:
    source = Source({f"i{n}": f"{n:02}" for n in range(4)} | {f"late{n}": f"9{n}" for n in range(8)})
    listing = ByKey(source.page, key_of, id_of, SIZE, latest="10")
    found, position = read(listing)
    assert dict(found) == source.items
    assert position.since == "03"
    source.put("05", "new")
    assert ("new", "05") in read(listing, position)[0]


def test_nothing_new_by_cursor_changes_nothing() -> None:
    assert read(ByCursor(lambda at, known: Page([]), key_of), Position("03")) == ([], Position("03"))
