"""The sandbox's HyperKitty, compared with the behaviour of the released package 1.3.12.

No machine-readable description exists; the fields, orders and errors below were read from the package.
"""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
import requests

from sandbox.community.mail import LISTS, VERSION, message_hash_of
from sandbox.hyperkitty.writer import MailWriter, body_of
from sandbox.world import World
from tests.mail import BOOST, add_list, entry

SHORT = [
    "url",
    "mailinglist",
    "message_id",
    "message_id_hash",
    "thread",
    "sender",
    "sender_name",
    "subject",
    "date",
    "parent",
    "children",
]


@pytest.fixture
def api(sandbox: str) -> str:
    return f"{sandbox}/hyperkitty/archives/api"


def get(url: str, **options: Any) -> requests.Response:
    return requests.get(url, timeout=10, allow_redirects=False, **options)


def test_the_index_is_ordered_by_archiving_time_but_does_not_show_it(api: str, world: World) -> None:
    boost = add_list(world, 25)
    boost.add(entry(30, date=entry(0).date - timedelta(days=4000)))
    page = get(f"{api}/list/{BOOST}/emails/").json()
    assert list(page) == ["count", "next", "previous", "results"]
    assert (page["count"], len(page["results"]), page["previous"]) == (26, 10, None)
    assert page["next"] == f"{api}/list/{BOOST}/emails/?limit=10&offset=10"
    assert [item["message_id"] for item in page["results"]][:2] == ["30@example.org", "24@example.org"]
    assert all(list(item) == SHORT for item in page["results"])
    assert "archived_date" not in json.dumps(page)


def test_paging(api: str, world: World) -> None:
    add_list(world, 25)
    page = get(f"{api}/list/{BOOST}/emails/?limit=10&offset=20").json()
    assert (len(page["results"]), page["next"]) == (5, None)
    assert page["previous"] == f"{api}/list/{BOOST}/emails/?limit=10&offset=10"
    assert get(f"{api}/list/{BOOST}/emails/?limit=10&offset=90").json()["results"] == []
    assert len(get(f"{api}/list/{BOOST}/emails/?limit=junk&offset=-3").json()["results"]) == 10


def test_the_detail_of_a_message(api: str, world: World) -> None:
    boost = add_list(world, 3)
    boost.attach(entry(2).message_hash, entry(1).message_hash)
    detail = get(f"{api}/list/{BOOST}/email/{entry(2).message_hash}/").json()
    assert list(detail) == [*SHORT, "votes", "content", "attachments"]
    assert detail["sender"] == {"address": "writer2 (a) example.org", "mailman_id": None, "emails": None}
    assert detail["votes"] == {"likes": 0, "dislikes": 0, "status": "neutral"}
    assert detail["parent"] == f"{api}/list/{BOOST}/email/{entry(1).message_hash}/"
    assert detail["thread"] == f"{api}/list/{BOOST}/thread/{entry(1).message_hash}/"
    assert detail["date"] == "2025-06-01T01:59:00Z"
    parent = get(detail["parent"]).json()
    assert parent["children"] == [f"{api}/list/{BOOST}/email/{entry(2).message_hash}/"]
    thread = get(f"{detail['thread']}emails/").json()
    assert [item["message_id"] for item in thread["results"]] == ["1@example.org", "2@example.org"]


def test_lists(api: str, world: World) -> None:
    add_list(world, 1)
    (found,) = get(f"{api}/lists/").json()["results"]
    assert (found["name"], found["archive_policy"]) == (BOOST, "public")
    assert found["emails"] == f"{api}/list/{BOOST}/emails/"
    assert get(found["url"]).json() == found


def test_errors(api: str, world: World) -> None:
    add_list(world, 1)
    unknown = get(f"{api}/list/no@where.org/emails/")
    assert (unknown.status_code, "Server Error (500)" in unknown.text) == (500, True)
    assert get(f"{api}/list/no@where.org/").json() == {"detail": "No MailingList matches the given query."}
    gone = get(f"{api}/list/{BOOST}/email/NONE/")
    assert (gone.status_code, gone.json()) == (404, {"detail": "No Email matches the given query."})
    assert get(f"{api}/list/nonsense/emails/").status_code == 404
    slash = get(f"{api}/list/{BOOST}/emails?limit=3")
    assert (slash.status_code, slash.headers["Location"].endswith("/emails/?limit=3")) == (301, True)


def test_clients_that_prefer_html_get_html(api: str, world: World) -> None:
    add_list(world, 1)
    assert (
        get(f"{api}/lists/", headers={"Accept": "text/html"}).headers["Content-Type"].startswith("text/html")
    )
    assert get(f"{api}/lists/", headers={"Accept": "*/*"}).headers["Content-Type"] == "application/json"
    assert get(f"{api}/lists/?format=json", headers={"Accept": "text/html"}).json()["count"] == 1


def test_replies_to_a_removed_message_move_up(api: str, world: World, sandbox: str) -> None:
    boost = add_list(world, 4)
    boost.attach(entry(1).message_hash, entry(0).message_hash)
    boost.attach(entry(2).message_hash, entry(1).message_hash)
    boost.attach(entry(3).message_hash, entry(1).message_hash)
    gone = requests.delete(f"{sandbox}/_sandbox/mail/{BOOST}/{entry(1).message_hash}", timeout=10)
    assert gone.status_code == 200
    for number in (2, 3):
        detail = get(f"{api}/list/{BOOST}/email/{entry(number).message_hash}/").json()
        assert detail["parent"].endswith(f"/{entry(0).message_hash}/")
    requests.delete(f"{sandbox}/_sandbox/mail/{BOOST}/{entry(0).message_hash}", timeout=10)
    assert get(f"{api}/list/{BOOST}/email/{entry(2).message_hash}/").json()["parent"] is None
    heir = get(f"{api}/list/{BOOST}/email/{entry(3).message_hash}/").json()
    assert heir["parent"].endswith(f"/{entry(2).message_hash}/")


def test_html_pages(api: str, world: World) -> None:
    boost = add_list(world, 2)
    boost.by_hash[entry(1).message_hash].text = "a < b & c"
    root = api.removesuffix("/api")
    assert f"/list/{BOOST}/" in get(f"{root}/").text
    listing = get(f"{root}/list/{BOOST}/")
    assert listing.headers["Content-Type"].startswith("text/html")
    assert f"/list/{BOOST}/message/{entry(1).message_hash}/" in listing.text
    message = get(f"{root}/list/{BOOST}/message/{entry(1).message_hash}/")
    assert "a &lt; b &amp; c" in message.text
    assert "writer1@example.org" not in message.text
    assert get(f"{root}/list/no@where.org/").status_code == 404
    assert get(f"{root}/list/{BOOST}/message/NONE/").status_code == 404


def test_hashes_are_those_of_mailman() -> None:
    assert message_hash_of("abc@example.com") == "OYHKWRDNPBPKMOWYLNPKMCEOE6ZX65KG"


# -- the community ---------------------------------------------------------------------------------------


def written(name: str, count: int) -> list[Any]:
    writer = iter(MailWriter(7, name))
    return [next(writer) for _ in range(count)]


def test_the_generated_community_is_the_same_on_every_machine() -> None:
    """If a change of the generator is intended, update VERSION and the digest together."""
    entries = [e for name in sorted(LISTS) for e in written(name, 120)]
    text = "\n".join(f"{e.message_id} {e.subject} {e.sender_name} {e.date} {body_of(7, e)}" for e in entries)
    assert (VERSION, hashlib.sha256(text.encode()).hexdigest()[:16]) == (1, "f2aeb5b6171daa2a")


def test_the_generated_lists_have_the_oddities_of_real_ones() -> None:
    entries = written(BOOST, 3000)
    late = [e for e in entries if e.date < e.archived_at - timedelta(days=100)]
    assert 10 < len(late) < 150
    assert any(e.date.year == 2070 for e in entries)
    assert any(e.date.year == 1970 for e in entries)
    assert any(not e.sender_name for e in entries)
    assert any(e.sender_address == BOOST for e in entries)
    assert any(e.subject.startswith("=?utf-8?") for e in entries)
    assert any(e.attachments for e in entries)
    assert 0.5 < sum(e.parent_hash is not None for e in entries) / len(entries) < 0.8
    assert all(a.archived_at <= b.archived_at for a, b in pairwise(entries))
    users = {e.message_hash for e in written("boost-users@lists.boost.org", 300)}
    assert users & {e.message_hash for e in entries}


def test_time_can_be_advanced(world: World, sandbox: str) -> None:
    world.take_states(World.generated(messages=100))
    before = sum(requests.get(f"{sandbox}/_sandbox/", timeout=10).json()["mailing_lists"].values())
    arrived = requests.post(f"{sandbox}/_sandbox/time", json={"messages": 20}, timeout=10).json()["messages"]
    after = sum(requests.get(f"{sandbox}/_sandbox/", timeout=10).json()["mailing_lists"].values())
    assert (before, after, arrived) == (100, 120, 20)
    assert (
        requests.post(f"{sandbox}/_sandbox/faults", json={"path": "x", "kind": "no"}, timeout=10).status_code
        == 422
    )
