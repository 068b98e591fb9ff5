"""The sandbox itself: services register themselves, and each can be controlled."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import requests

from sandbox.server import serve
from sandbox.services import discover, merged, services
from sandbox.world import World
from tests.conftest import ROOT
from tests.mail import BOOST, add_list

SHELF = """
from fastapi import APIRouter
from sandbox.community.clock import messages_by
from sandbox.service import Service


def routers(books):
    router = APIRouter()
    router.add_api_route("/books", lambda: books(), methods=["GET"])
    return [router]


def advance(books, community, until):
    new = [f"book {number}" for number in range(len(books), messages_by(until) // 2)]
    books += new
    return {"books": len(new)}


def control(books):
    router = APIRouter()
    router.add_api_route("", lambda: {"burnt": books().clear()}, methods=["DELETE"])
    return router


SERVICE = Service(
    name="shelf", prefix="/library", empty=list, routers=routers, advance=advance,
    connections=lambda base: {}, control=control, overview=lambda books: {"books": len(books)},
)
"""
CHAT = """
from dataclasses import dataclass, field

from sandbox.community.clock import START
from sandbox.service import Service


@dataclass
class Chat:
    texts: list = field(default_factory=list)
    reached: object = START


def advance(state, community, until):
    before = len(state.texts)
    for action in community.activity(community.slack_channels, until, after=state.reached):
        state.texts.append((action.order, community.text(action)))
    state.reached = max(state.reached, until)
    return {"chat_messages": len(state.texts) - before}


SERVICE = Service(
    name="chat", prefix="/chat", empty=Chat, routers=lambda chat: [], connections=lambda base: {},
    shows=lambda community: community.slack_channels, advance=advance,
)
"""
EVERY = {service.name: service for service in services()}
Package = Callable[[dict[str, str]], ModuleType]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Package]:
    """Creates a package with the given folders and their `service.py`; an empty text means none."""
    name = "made_up_sandbox"

    def make(folders: dict[str, str]) -> ModuleType:
        for folder, code in folders.items():
            (tmp_path / name / folder).mkdir(parents=True)
            (tmp_path / name / folder / "__init__.py").touch()
            if code:
                (tmp_path / name / folder / "service.py").write_text(code, encoding="utf-8")
        (tmp_path / name / "__init__.py").touch()
        monkeypatch.syspath_prepend(tmp_path)
        return import_module(name)

    yield make
    for module in [m for m in sys.modules if m.partition(".")[0] == name]:
        del sys.modules[module]


def renamed(**facts: str) -> str:
    code = SHELF
    for old, new in (("shelf", facts.get("name")), ("/library", facts.get("prefix"))):
        code = code.replace(f'"{old}"', f'"{new or old}"')
    return code


def test_only_folders_with_a_service_module_are_services(package: Package) -> None:
    second = renamed(name="attic", prefix="/attic")
    found = discover(package({"z": SHELF, "community": "", "a": second}))
    assert [service.name for service in found] == ["attic", "shelf"]


def test_the_services_of_the_repository() -> None:
    assert (EVERY["mail"].prefix, EVERY["pinecone"].prefix) == ("/hyperkitty/archives", "/pinecone")
    assert World().services == services()


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"name": "attic"}, r"made_up_sandbox\.b\.service: made_up_sandbox\.a\.service has the prefix"),
        ({"prefix": "/attic"}, "has the name 'shelf' too; change one"),
        (
            {"name": "time", "prefix": "/time"},
            "the name 'time' cannot be used; .* other than community, faults",
        ),
        ({"name": "my shelf", "prefix": "/x"}, "the name 'my shelf' cannot be used"),
    ],
)
def test_a_service_that_conflicts_with_another_is_refused(
    package: Package, facts: dict[str, str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        discover(package({"a": SHELF, "b": renamed(**facts)}))


def test_a_service_cannot_use_a_name_of_the_world(package: Package) -> None:
    with pytest.raises(ValueError, match="uses the name 'traffic' already; rename the service"):
        World(discover(package({"a": renamed(name="traffic")})))
    with pytest.raises(AttributeError, match="no service of the sandbox is called 'shelf'"):
        _ = World().shelf


def test_a_new_service_is_served_and_controlled_without_being_listed_anywhere(package: Package) -> None:
    world = World((EVERY["mail"], *discover(package({"a": SHELF}))))
    world.shelf.append("first")
    with serve(world) as address:
        assert call("GET", f"{address}/library/books") == ["first"]
        assert call("POST", f"{address}/_sandbox/time", {"messages": 10}) == {"messages": 10, "books": 4}
        overview = call("GET", f"{address}/_sandbox/")
        assert list(overview) == ["mailing_lists", "books", "requests", "faults"]
        assert (overview["books"], overview["requests"]) == (5, {"library": 1})
        world.shelf = ["another"]
        assert call("GET", f"{address}/library/books") == ["another"]
        other = World(world.services)
        world.take_states(other)
        assert call("GET", f"{address}/library/books") == []
        other.shelf.append("visible to both")
        assert call("DELETE", f"{address}/_sandbox/shelf") == {"burnt": None}
        assert world.shelf == []


def test_two_worlds_of_a_process_do_not_mix() -> None:
    first, second = World(), World()
    add_list(first, 3)
    second.clock.advance(hours=1)
    with serve(first) as one, serve(second) as two:
        assert call("POST", f"{two}/_sandbox/faults", {"path": "/lists/"})["hits"] == 0
        found = [call("GET", f"{address}/_sandbox/") for address in (one, two, one)]
        shown = [(each["mailing_lists"], each["faults"]) for each in found]
        assert shown == [({BOOST: 3}, 0), ({}, 1), ({BOOST: 3}, 0)]
        lists = "hyperkitty/archives/api/lists/?format=json"
        assert [call("GET", f"{address}/{lists}")["count"] for address in (one, one)] == [1, 1]
        times = [call("GET", f"{address}/_sandbox/time")["now"] for address in (one, two)]
        assert times == [world.clock.now.isoformat() for world in (first, second)]
        assert times[0] < times[1]
    assert (sum(first.traffic.counts.values()), second.traffic.counts) == (2, {})


def test_taking_the_states_of_another_world_keeps_the_faults(world: World) -> None:
    other = World.generated(messages=20)
    world.faults.append(object())
    world.take_states(other)
    assert (world.mail, world.pinecone) == (other.mail, other.pinecone)
    assert (len(world.faults), len(other.faults), world.traffic is other.traffic) == (1, 0, False)


def test_a_community_is_generated_by_its_services(package: Package) -> None:
    chosen = (EVERY["mail"], EVERY["pinecone"], *discover(package({"a": SHELF})))
    world = World.generated(messages=100, within=chosen)
    assert sum(len(found.entries) for found in world.mail.lists.values()) == 100
    assert (len(world.shelf), world.pinecone.projects["public"].indexes) == (50, {})


def mails_of(world: World) -> dict[str, list[str]]:
    return {name: [repr(entry) for entry in found.entries] for name, found in world.mail.lists.items()}


def test_time_in_steps_comes_to_the_same_as_time_at_once(package: Package) -> None:
    chosen = (EVERY["mail"], *discover(package({"a": SHELF})))
    stepwise, at_once = World(chosen), World.generated(messages=130, within=chosen)
    counts: Counter[str] = Counter()
    for passed in ({"messages": 17}, {"hours": 11}, {"hours": 0.55}, {"hours": 10.45}, {"messages": 93}):
        counts.update(stepwise.pass_time(**passed))
    assert stepwise.clock == at_once.clock
    assert (counts["messages"], counts["books"]) == (130, 65)
    assert (mails_of(stepwise), stepwise.shelf) == (mails_of(at_once), at_once.shelf)


def test_a_state_that_is_replaced_gets_what_it_lacks_and_nothing_twice(package: Package) -> None:
    world = World.generated(messages=60, within=(EVERY["mail"], *discover(package({"a": SHELF}))))
    before, world.mail, world.shelf = mails_of(world), EVERY["mail"].empty(), ["by hand"]
    with serve(world) as address:
        assert call("POST", f"{address}/_sandbox/time", {"hours": 0}) == {"messages": 60, "books": 29}
        assert call("POST", f"{address}/_sandbox/time", {"hours": 0}) == {"messages": 0, "books": 0}
    assert (mails_of(world), world.shelf[:2]) == (before, ["by hand", "book 1"])


def test_services_that_show_the_same_places_agree_on_what_happens_there(package: Package) -> None:
    early, late = discover(package({"a": CHAT, "b": CHAT.replace("chat", "late_chat")}))
    world = World((early,))
    world.pass_time(messages=70)
    world.pass_time(hours=30)
    both = World((early, late))
    both.community, both.clock, both.chat = world.community, world.clock, world.chat
    counts = both.pass_time(messages=25)
    assert 0 < counts["chat_messages"] < counts["late_chat_messages"] == len(both.late_chat.texts)
    assert both.chat.texts == both.late_chat.texts
    assert both.pass_time() == {"chat_messages": 0, "late_chat_messages": 0}


def test_another_service_changes_nothing_for_the_first(package: Package) -> None:
    shelf = discover(package({"a": SHELF}))
    alone, together = (
        World.generated(messages=80, within=w) for w in ((EVERY["mail"],), (*shelf, EVERY["mail"]))
    )
    assert mails_of(alone) == mails_of(together)


def test_a_list_made_by_hand_gets_no_generated_messages(world: World) -> None:
    by_hand = add_list(world, 3)
    assert world.pass_time(messages=20)["messages"] == 8
    assert len(by_hand.entries) == 3


def test_the_clock_refuses_what_is_no_time(world: World, sandbox: str) -> None:
    url = f"{sandbox}/_sandbox/time"
    for body in ({}, {"days": 1}, {"messages": -1}, {"messages": 1.5}, {"hours": -2}, {"hours": 1e300}):
        assert requests.post(url, json=body, timeout=10).status_code == 422, body
    assert (call("GET", url), world.mail.lists) == ({"now": "2024-01-01T00:00:00+00:00"}, {})
    call("POST", url, {"hours": 36})
    assert call("GET", url) == {"now": "2024-01-02T12:00:00+00:00"}


def test_the_community_can_be_inspected(world: World, sandbox: str) -> None:
    found = call("GET", f"{sandbox}/_sandbox/community")
    assert found["people"] == world.community.people
    assert f"mailing_list/{BOOST}" in found["places"]["mail"]
    person = call("GET", f"{sandbox}/_sandbox/community/people/3")
    assert person["addresses"] == list(world.community.person(3).addresses)
    assert person["accounts"]["github"]["login"] == world.community.accounts(3).github.login
    missing = requests.get(f"{sandbox}/_sandbox/community/people/{found['people']}", timeout=10)
    assert missing.status_code == 404


def test_the_community_knows_no_service_and_no_service_another() -> None:
    folders = {path.parent.name for path in (ROOT / "sandbox").glob("*/service.py")}
    for path in (ROOT / "sandbox").glob("*/*.py"):
        imported = set(re.findall(r"^\s*(?:from|import) sandbox\.(\w+)", path.read_text(), re.MULTILINE))
        assert imported & folders <= {path.parent.name}, path


def test_two_services_cannot_use_the_same_key() -> None:
    assert merged([{"a": 1}, {"b": 2}]) == {"a": 1, "b": 2}
    with pytest.raises(ValueError, match="use the same keys: a, b"):
        merged([{"a": 1, "b": 1}, {"b": 2, "a": 2}])


def test_pinecone_can_be_made_slow(world: World, sandbox: str) -> None:
    behaviour = call("POST", f"{sandbox}/_sandbox/pinecone", {"lag": 2})
    assert (behaviour["lag"], world.pinecone.behaviour.lag) == (2, 2)
    answer = requests.post(f"{sandbox}/_sandbox/pinecone", json={"speed": 1}, timeout=10)
    assert (answer.status_code, answer.json()) == (422, {"detail": "unknown: speed"})


def call(method: str, url: str, body: Any = None) -> Any:
    answer = requests.request(method, url, json=body, timeout=10)
    assert answer.status_code == 200, answer.text
    return answer.json()
