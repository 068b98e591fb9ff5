"""The sandbox's limits, validators and links behave as the services' documentation says."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256
from pathlib import Path

import pytest
import requests
from jsonschema import Draft202012Validator

from sandbox.limits import Limit
from sandbox.server import serve
from sandbox.world import World
from tests.conftest import ROOT
from tests.forge import FORGE

CONTRACTS = Path(os.environ.get("BDC_CONTRACTS_DIR") or ROOT.parent / "shared" / "contracts")
DISCORD = CONTRACTS / "discord" / "rest.json"
Get = Callable[..., requests.Response]


@pytest.fixture
def forge() -> World:
    return World((FORGE,))


@pytest.fixture
def ask(forge: World) -> Iterator[Get]:
    with serve(forge) as address, requests.Session() as session:

        def send(
            path: str = "/notes", token: str = "one_of_ada", method: str = "GET", **headers: str
        ) -> requests.Response:
            own = {"Authorization": f"Bearer {token}", "Accept": "application/json"} | headers
            return session.request(method, f"{address}/forge{path}", headers=own, timeout=60)

        yield send


def limited(world: World, **values: object) -> Limit:
    world.limits.append(Limit("/forge", **values))  # type: ignore[arg-type]
    return world.limits[-1]


def test_an_etag_is_computed_from_the_token_and_the_body(ask: Get) -> None:
    first = ask()
    expected = sha256(b"application/json:Bearer one_of_ada:" + first.content).hexdigest()
    assert first.headers["ETag"] == f'"{expected}"'
    assert ask(token="two_of_ada").headers["ETag"] != first.headers["ETag"]
    for known in (f'"{expected}"', f'W/"{expected}"', f'"other", W/"{expected}"'):
        again = ask(**{"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert "Link" not in again.headers
        assert again.headers["ETag"] == first.headers["ETag"]
    assert ask(**{"If-None-Match": '"other"'}).status_code == 200


def test_links_lead_through_all_pages(ask: Get) -> None:
    found, path = [], "/notes"
    while path:
        answer = ask(path)
        found.append(answer.text)
        path = answer.links.get("next", {}).get("url", "").partition("/forge")[2]
        assert answer.links["first"]["url"].endswith("/notes?page=1")
    assert found == ["(0, 1, 2)", "(3, 4, 5)", "(6,)"]


def test_a_quota_belongs_to_the_owner_and_a_304_costs_none_of_it(forge: World, ask: Get) -> None:
    limit = limited(forge, quota=4, resource="notes")
    first = ask()
    assert (first.headers["x-ratelimit-remaining"], first.headers["x-ratelimit-resource"]) == ("3", "notes")
    unchanged = ask(**{"If-None-Match": first.headers["ETag"]})
    assert (unchanged.status_code, unchanged.headers["x-ratelimit-remaining"]) == (304, "3")
    assert [ask(token="two_of_ada").status_code for _ in range(4)] == [200, 200, 200, 403]
    assert ask(token="one_of_bob").status_code == 200
    assert (limit.violations, limit.remaining("bob")) == ({"quota": 1}, 3)
    refused = ask()
    assert (refused.headers["x-ratelimit-remaining"], "Retry-After" in refused.headers) == ("0", False)


def test_a_304_counts_per_window_and_in_flight(forge: World, ask: Get) -> None:
    limit = limited(forge, per_stretch=3, stretch=60.0)
    etag = ask().headers["ETag"]
    answers = [ask(**{"If-None-Match": etag}).status_code for _ in range(3)]
    assert answers == [304, 304, 429]
    assert limit.violations == {"rate": 1}


def test_an_answer_may_cost_more_than_one(forge: World, ask: Get) -> None:
    limit = limited(forge, quota=20)
    answer = ask("/search", method="POST")
    assert answer.headers["x-ratelimit-remaining"] == "13"
    assert "X-Sandbox-Cost" not in answer.headers
    assert limit.used["ada"] == 7


def test_everything_is_refused_during_a_pause(forge: World, ask: Get) -> None:
    moment = 1000.0
    limit = limited(forge, per_stretch=1, stretch=5.0, pause=30.0, now=lambda: moment)
    assert ask().status_code == 200
    assert ask().headers["Retry-After"] == "30"
    moment += 20
    assert ask().headers["Retry-After"] == "10"
    assert ask("/search", method="POST").status_code == 429
    moment += 10
    assert ask().status_code == 200
    assert limit.violations == {"rate": 1, "paused": 2}


def test_windows_of_a_calendar_begin_for_all_at_the_same_time(forge: World, ask: Get) -> None:
    moment = 1005.0
    limit = limited(forge, quota=1, window=100.0, aligned=True, reports=False, now=lambda: moment)
    assert [ask().status_code for _ in range(2)] == [200, 403]
    assert "x-ratelimit-limit" not in ask().headers
    moment = 1099.9
    assert ask().status_code == 403
    moment = 1100.0
    assert ask().status_code == 200
    assert limit.windows["ada"] == 2


def test_requests_in_flight_are_counted(forge: World, ask: Get) -> None:
    limit = limited(forge, in_flight=1)
    assert limit.enter("ada") == ""
    assert (ask().status_code, ask(token="one_of_bob").status_code) == (429, 200)
    limit.leave("ada")
    assert ask().status_code == 200
    assert (limit.most_in_flight, limit.violations) == (2, {"in flight": 1})


@pytest.mark.parametrize(
    ("way", "status", "header", "inside"),
    [
        ("reset", 403, "", "limit exceeded"),
        ("seconds", 429, "60", ""),
        ("silent", 403, "", "secondary rate limit"),
        ("absurd", 429, "1000000000", ""),
        ("infinite", 429, "inf", ""),
        ("body", 429, "60", '"retry_after": 60'),
        ("not ok", 200, "60", '{"ok": false, "error": "ratelimited"}'),
        ("errors", 200, "", '"type": "RATE_LIMITED"'),
    ],
)
def test_a_refusal_is_reported_in_the_way_of_a_service(
    forge: World, ask: Get, way: str, status: int, header: str, inside: str
) -> None:
    limited(forge, per_stretch=1, stretch=60.0, refusals={"rate": way})
    ask()
    refused = ask()
    assert (refused.status_code, refused.headers.get("Retry-After", "")) == (status, header)
    assert inside in refused.text


def test_a_refusal_may_name_a_date(forge: World, ask: Get) -> None:
    limited(forge, per_stretch=1, stretch=600.0, refusals={"rate": "date"})
    ask()
    named = parsedate_to_datetime(ask().headers["Retry-After"])
    assert named > datetime.now(UTC) + timedelta(seconds=300)


def test_an_unknown_way_is_refused() -> None:
    with pytest.raises(ValueError, match=r"reported as one of reset, seconds, .* not as shouting"):
        Limit("/", refusals={"quota": "shouting"})


def test_a_request_belongs_to_one_resource_and_to_all_other_limits(forge: World, ask: Get) -> None:
    search, core, burst = Limit("/search", 100, resource="search"), Limit("/", 10), Limit("/", per_stretch=2)
    forge.limits += [search, core, burst]
    answer = ask("/search", method="POST")
    assert answer.headers["x-ratelimit-resource"] == "search"
    assert (search.remaining("ada"), core.remaining("ada")) == (93, 10)
    assert ask().headers["x-ratelimit-remaining"] == "9"
    assert (ask().status_code, burst.violations) == (429, {"rate": 1})


def test_answers_name_their_bucket(forge: World, ask: Get) -> None:
    moment = 1000.25
    buckets = Limit(
        r"/(notes|channels/(?P<major>\d+))",
        quota=2,
        window=5.0,
        bucket="abcd1234",
        refusals={"quota": "user"},
        now=lambda: moment,
    )
    forge.limits.append(buckets)
    first = ask()
    assert [first.headers[f"X-RateLimit-{name}"] for name in ("Bucket", "Limit", "Remaining")] == [
        "abcd1234",
        "2",
        "1",
    ]
    assert (first.headers["X-RateLimit-Reset"], first.headers["X-RateLimit-Reset-After"]) == (
        "1005.250",
        "5.000",
    )
    moment += 1.5
    buckets.bucket = "renamed"
    again = ask()
    assert (again.headers["X-RateLimit-Bucket"], again.headers["X-RateLimit-Reset-After"]) == (
        "renamed",
        "3.500",
    )
    refused = ask()
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "4")
    assert refused.headers["X-RateLimit-Scope"] == "user"
    assert (refused.json()["retry_after"], refused.json()["global"]) == (3.5, False)
    moment += 3.5
    assert ask().headers["X-RateLimit-Remaining"] == "1"


@pytest.mark.skipif(not DISCORD.is_file(), reason=f"no API description in {DISCORD}")
def test_buckets_are_reported_as_discord_describes_it(forge: World, ask: Get) -> None:
    described = json.loads(DISCORD.read_text())["components"]
    forge.limits.append(Limit("/notes", quota=1, bucket="b", refusals={"quota": "user"}))
    accepted, refused = ask(), ask()
    for answer in (accepted, refused):
        values = {
            name: json.loads(answer.headers[name]) for name in described["headers"] if "Bucket" not in name
        }
        for name, value in values.items():
            Draft202012Validator(described["headers"][name]["schema"]).validate(value)
    schema = {"$ref": "#/components/schemas/RatelimitedResponse", "components": described}
    Draft202012Validator(schema).validate(refused.json())


def test_each_channel_has_a_bucket_of_its_own(forge: World, ask: Get) -> None:
    forge.limits.append(
        limit := Limit(r"/channels/(?P<major>\d+)", quota=1, bucket="b", refusals={"quota": "user"})
    )
    found = [ask(f"/channels/{channel}/notes").status_code for channel in (1, 2, 1)]
    assert found == [200, 200, 429]
    assert limit.served == {"ada/1": 2, "ada/2": 1}


@pytest.mark.parametrize(("way", "everywhere"), [("user", False), ("shared", False), ("global", True)])
def test_a_refusal_names_its_scope(forge: World, ask: Get, way: str, everywhere: bool) -> None:
    limited(forge, per_stretch=1, stretch=7.0, refusals={"rate": way})
    ask()
    refused = ask()
    assert (refused.status_code, refused.headers["X-RateLimit-Scope"]) == (429, way)
    assert refused.headers.get("X-RateLimit-Global") == ("true" if everywhere else None)
    assert (refused.json()["global"], refused.json()["retry_after"]) == (everywhere, 7.0)


def test_a_banned_address_gets_a_page(forge: World, ask: Get) -> None:
    limited(forge, per_stretch=1, stretch=7.0, refusals={"rate": "banned"})
    ask()
    refused = ask()
    assert (refused.status_code, refused.headers["Retry-After"], "Via" in refused.headers) == (
        429,
        "7",
        False,
    )
    assert refused.text.startswith("<html>")
