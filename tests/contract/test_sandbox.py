"""The sandbox itself: services register themselves, and each can be controlled."""

from __future__ import annotations

import sys
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

SHELF = """
from fastapi import APIRouter
from sandbox.service import Service


def routers(books):
    router = APIRouter()
    router.add_api_route("/books", lambda: books(), methods=["GET"])
    return [router]


def generate(books, community):
    books += [f"book {number}" for number in range(community.size // 10)]


def pass_time(books, amount):
    books += ["new"] * amount
    return {"books": amount}


def control(books):
    router = APIRouter()
    router.add_api_route("", lambda: {"burnt": books().clear()}, methods=["DELETE"])
    return router


SERVICE = Service(
    name="shelf", prefix="/library", empty=list, routers=routers, generate=generate, pass_time=pass_time,
    connections=lambda base: {}, control=control, overview=lambda books: {"books": len(books)},
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
        ({"name": "time", "prefix": "/time"}, "the name 'time' cannot be used; .* other than faults, limits"),
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
        assert call("POST", f"{address}/_sandbox/time", {"messages": 4}) == {"messages": 0, "books": 4}
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
    assert (len(world.shelf), world.pinecone.projects["public"].indexes) == (10, {})


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
