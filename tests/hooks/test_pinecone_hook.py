"""The hook against the sandbox: setting up, counting, what errors say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from core.clock import FixedClock
from core.errors import (
    AuthenticationError,
    ConfigurationError,
    NotFound,
    RateLimited,
    RequestRefused,
    SourceUnavailable,
)
from hooks.pinecone_hook import PineconeHook, _with_scheme_of
from sandbox.faults import Fault
from sandbox.world import World
from tests.pinecone import INDEX, NAMESPACE, connection, index, text

CREATE = "POST /pinecone/indexes/create-for-model"
LIST = "GET /pinecone/indexes"


@pytest.fixture
def hook(pinecone: str, clock: FixedClock) -> Iterator[PineconeHook]:
    found = PineconeHook(clock=clock)
    yield found
    found.close()


def record(number: int, **metadata: Any) -> dict[str, Any]:
    return {"id": f"r{number}", "chunk_text": text(number), **metadata}


def asked(world: World) -> list[str]:
    return [line for line in world.traffic.recent if "/hosts/" not in line]


def test_missing_indexes_are_created_and_existing_ones_are_not(
    hook: PineconeHook, world: World, clock: FixedClock
) -> None:
    world.pinecone.behaviour.initializing = 0.05
    assert hook.open() == (INDEX, f"{INDEX}-sparse")
    assert asked(world)[:2] == [LIST, CREATE]
    assert asked(world).count(CREATE) == 2
    assert index(world).model.name == "multilingual-e5-large"
    assert index(world, "sparse").model.name == "pinecone-sparse-english-v0"
    assert index(world).text_field == "chunk_text"
    hook.close()
    world.traffic.clear()
    assert hook.open() == ()
    assert asked(world) == [LIST]
    del world.pinecone.projects["public"].indexes[f"{INDEX}-sparse"]
    hook.close()
    assert hook.open() == (f"{INDEX}-sparse",)


def test_who_only_looks_creates_nothing(hook: PineconeHook, world: World) -> None:
    both = (INDEX, f"{INDEX}-sparse")
    assert hook.missing() == both
    with pytest.raises(ConfigurationError, match=f"no index {INDEX}.*the first sync creates it"):
        hook.open(create=False)
    assert "no index" in hook.statistics("dense")["error"]
    assert not world.pinecone.projects["public"].indexes
    world.traffic.clear()
    assert (hook.missing(), hook.open()) == (both, both)
    assert asked(world)[:3] == [LIST, CREATE, CREATE]
    assert hook.missing() == ()
    hook.close()
    hook.open(create=False)


def test_every_request_is_counted_once_and_sent_once(hook: PineconeHook, world: World) -> None:
    hook.open()
    world.faults.append(Fault(path="/upsert", status=503, times=2))
    hook.upsert("dense", NAMESPACE, [record(1)])
    assert hook.requests == len(world.traffic.recent) == 3 + 3
    assert hook.traffic.retries == 2
    assert hook.received_bytes > 0


def test_six_tries_of_growing_distance(hook: PineconeHook, world: World, clock: FixedClock) -> None:
    hook.open()
    world.faults.append(Fault(path="/upsert", status=500))
    with pytest.raises(SourceUnavailable):
        hook.upsert("dense", NAMESPACE, [record(1)])
    assert world.faults[0].hits == 6
    assert len(clock.slept) == 5
    assert all(2**n / 2 <= wait <= 2**n for n, wait in enumerate(clock.slept))


def test_a_limit_without_a_time_is_tried_soon_and_then_ever_later(
    hook: PineconeHook, world: World, clock: FixedClock
) -> None:
    hook.open()
    world.faults.append(Fault(path="/upsert", status=429))
    with pytest.raises(RateLimited) as caught:
        hook.upsert("dense", NAMESPACE, [record(1)])
    assert caught.value.retry_after == 60
    assert clock.slept[0] <= 1
    assert sum(clock.slept) <= 90


def test_embedding_tokens_run_out_and_come_back(hook: PineconeHook, world: World) -> None:
    hook.open()
    world.pinecone.behaviour.tokens_per_window = 40
    hook.upsert("dense", NAMESPACE, [record(1)])
    world.pinecone.behaviour.window = 0.0
    hook.upsert("dense", NAMESPACE, [record(2)])
    world.pinecone.behaviour.window = 60.0
    with pytest.raises(RateLimited, match="max embedding tokens per minute"):
        hook.upsert("dense", NAMESPACE, [record(3)])


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([record(n) for n in range(97)], "97"),
        ([record(1, a=None)], "null"),
        ([record(1, a={"b": 1})], "field 'a'"),
        ([record(1, a=["x" * 100] * 500)], "40960"),
        ([{"id": "x" * 513, "chunk_text": "text"}], "512"),
        ([{"id": "x", "chunk_text": " "}], "chunk_text"),
        ([record(n, a="x" * 30_000) for n in range(80)], "2097152"),
    ],
)
def test_what_pinecone_refuses_is_refused(hook: PineconeHook, records: list[Any], message: str) -> None:
    hook.open()
    with pytest.raises(RequestRefused, match=message):
        hook.upsert("dense", NAMESPACE, records)


def test_ids_come_page_by_page_and_fields_by_the_hundred(hook: PineconeHook, world: World) -> None:
    hook.open()
    for start in range(0, 250, 50):
        hook.upsert("sparse", NAMESPACE, [record(n, count=n) for n in range(start, start + 50)])
    world.traffic.clear()
    pages = list(hook.ids("sparse", NAMESPACE))
    assert [len(page) for page in pages] == [100, 100, 50]
    everything = [i for page in pages for i in page]
    assert sorted(everything) == sorted(f"r{n}" for n in range(250))
    assert list(hook.ids("sparse", "no such namespace")) == []
    world.traffic.clear()
    found = hook.fetch("sparse", NAMESPACE, everything)
    assert len(world.traffic.recent) == 3
    assert found["r7"] == {"chunk_text": text(7), "count": 7.0}


def test_updating_what_is_not_there_is_told_and_deleting_it_is_not(hook: PineconeHook) -> None:
    hook.open()
    hook.delete("dense", "no such namespace", ["x"])
    hook.upsert("dense", NAMESPACE, [record(1)])
    hook.delete("dense", NAMESPACE, ["x"])
    with pytest.raises(NotFound):
        hook.update("dense", NAMESPACE, "x", {"a": 1})


def test_statistics_and_what_they_are_if_nobody_answers(hook: PineconeHook, world: World) -> None:
    hook.open()
    hook.upsert("dense", NAMESPACE, [record(1), record(2)])
    assert hook.statistics("dense") == {
        "total_vectors": 2,
        "dimension": 1024,
        "fullness": 0.0,
        "namespaces": {NAMESPACE: 2},
    }
    world.faults.append(Fault(path="describe_index_stats", status=500))
    broken = hook.statistics("dense")
    assert (broken["total_vectors"], broken["namespaces"]) == (0, {})
    assert "failed (500)" in broken["error"]


# -- what is wrong with the configuration is one sentence that names the setting ------------------------------


def test_an_instance_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="PINECONE_PRIVATE_API_KEY"):
        PineconeHook("pinecone_private").config()
    with pytest.raises(
        ConfigurationError, match=r"Connection pinecone_public has no API key.*PINECONE_API_KEY"
    ):
        PineconeHook().config()
    assert not PineconeHook().is_configured()
    monkeypatch.setenv("PINECONE_API_KEY", "k")
    monkeypatch.setenv("PINECONE_INDEX_NAME", "boost-dashboard")
    assert PineconeHook().is_configured()
    assert PineconeHook().config().sparse_index_name == "boost-dashboard-sparse"


def test_an_instance_without_an_index(pinecone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_PINECONE_PUBLIC", connection(pinecone, index_name=""))
    with pytest.raises(ConfigurationError, match="PINECONE_INDEX_NAME"):
        PineconeHook().open()


def test_a_key_is_not_told(pinecone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_PINECONE_PUBLIC", connection(pinecone, "wrong"))
    hook = PineconeHook()
    with pytest.raises(AuthenticationError) as caught:
        hook.open()
    assert "pcsk_" not in str(caught.value) + repr(hook.config())
    assert "Connection" in str(caught.value)
    monkeypatch.setenv("AIRFLOW_CONN_PINECONE_PUBLIC", connection(pinecone, "bad\nkey"))
    with pytest.raises(ConfigurationError, match="API key"):
        PineconeHook().open()


def test_a_region_that_does_not_exist(pinecone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_PINECONE_PUBLIC", connection(pinecone, region="mars-north-1"))
    with pytest.raises(ConfigurationError, match=r"no region mars-north-1.*Connection pinecone_public"):
        PineconeHook().open()


def test_an_index_of_another_model_is_refused(
    hook: PineconeHook, pinecone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook.open()
    monkeypatch.setenv(
        "AIRFLOW_CONN_PINECONE_PUBLIC", connection(pinecone, dense_model="llama-text-embed-v2")
    )
    other = PineconeHook()
    with pytest.raises(ConfigurationError, match=r"model multilingual-e5-large.*llama-text-embed-v2"):
        other.open()


def test_an_index_that_another_task_creates_meanwhile(hook: PineconeHook, world: World) -> None:
    world.faults.append(
        Fault(path="/indexes$", kind="body", body='{"indexes": []}', content_type="application/json")
    )
    PineconeHook().open()
    assert hook.open() == (INDEX, f"{INDEX}-sparse")


def test_the_test_button(
    hook: PineconeHook, world: World, pinecone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert hook.test_connection() == (True, f"{INDEX} will be created; {INDEX}-sparse will be created")
    hook.open()
    well, told = hook.test_connection()
    assert well
    assert f"{INDEX} is Ready (multilingual-e5-large)" in told
    monkeypatch.setenv("AIRFLOW_CONN_PINECONE_PUBLIC", connection(pinecone, "wrong"))
    well, told = PineconeHook().test_connection()
    assert not well
    assert "check the API key" in told


@pytest.mark.parametrize(
    ("host", "control", "expected"),
    [
        ("https://localhost:5081", "http://localhost:5080", "http://localhost:5081"),
        ("https://x.svc.pinecone.io", "https://api.pinecone.io", "https://x.svc.pinecone.io"),
        ("https://x.svc.pinecone.io", "http://localhost:5080", "https://x.svc.pinecone.io"),
        ("https://x.svc.pinecone.io", "", "https://x.svc.pinecone.io"),
    ],
)
def test_an_index_beside_a_local_control_plane(host: str, control: str, expected: str) -> None:
    assert _with_scheme_of(host, control) == expected
