"""The hook with the sandbox: creating indexes, counting requests, error messages."""

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
from hooks.pinecone_hook import IndexKind, PineconeHook, _with_scheme_of
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


def control_requests(world: World) -> list[str]:
    return [line for line in world.traffic.recent if "/hosts/" not in line]


def test_missing_indexes_are_created_and_existing_ones_are_not(
    hook: PineconeHook, world: World, clock: FixedClock
) -> None:
    world.pinecone.behaviour.initializing = 0.05
    assert hook.open() == (INDEX, f"{INDEX}-sparse")
    assert control_requests(world)[:2] == [LIST, CREATE]
    assert control_requests(world).count(CREATE) == 2
    assert index(world).model.name == "multilingual-e5-large"
    assert index(world, "sparse").model.name == "pinecone-sparse-english-v0"
    assert index(world).text_field == "chunk_text"
    hook.close()
    world.traffic.clear()
    assert hook.open() == ()
    assert control_requests(world) == [LIST]
    del world.pinecone.projects["public"].indexes[f"{INDEX}-sparse"]
    hook.close()
    assert hook.open() == (f"{INDEX}-sparse",)


def test_opening_without_create_creates_nothing(hook: PineconeHook, world: World) -> None:
    both = (INDEX, f"{INDEX}-sparse")
    assert hook.missing() == both
    with pytest.raises(ConfigurationError, match=f"no index {INDEX}.*the first sync creates it"):
        hook.open(create=False)
    assert "no index" in hook.statistics("dense")["error"]
    assert not world.pinecone.projects["public"].indexes
    world.traffic.clear()
    assert (hook.missing(), hook.open()) == (both, both)
    assert control_requests(world)[:3] == [LIST, CREATE, CREATE]
    assert hook.missing() == ()
    hook.close()
    hook.open(create=False)


def test_every_request_is_sent_and_counted_once(hook: PineconeHook, world: World) -> None:
    hook.open()
    world.faults.append(Fault(path="/upsert", status=503, times=2))
    hook.upsert("dense", NAMESPACE, [record(1)])
    assert hook.requests == len(world.traffic.recent) == 3 + 3
    assert hook.traffic.retries == 2
    assert hook.received_bytes > 0


def test_six_tries_with_growing_pauses(hook: PineconeHook, world: World, clock: FixedClock) -> None:
    hook.open()
    world.faults.append(Fault(path="/upsert", status=500))
    with pytest.raises(SourceUnavailable):
        hook.upsert("dense", NAMESPACE, [record(1)])
    assert world.faults[0].hits == 6
    assert len(clock.slept) == 5
    assert all(2**n / 2 <= wait <= 2**n for n, wait in enumerate(clock.slept))


def test_a_limit_without_retry_after_is_retried_with_growing_pauses(
    hook: PineconeHook, world: World, clock: FixedClock
) -> None:
    hook.open()
    world.faults.append(Fault(path="/upsert", status=429))
    with pytest.raises(RateLimited) as caught:
        hook.upsert("dense", NAMESPACE, [record(1)])
    assert caught.value.retry_after == 60
    assert clock.slept[0] <= 1
    assert sum(clock.slept) <= 90


def test_exhausted_embedding_tokens_are_a_rate_limit(hook: PineconeHook, world: World) -> None:
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
def test_requests_that_pinecone_refuses(hook: PineconeHook, records: list[Any], message: str) -> None:
    hook.open()
    with pytest.raises(RequestRefused, match=message):
        hook.upsert("dense", NAMESPACE, records)


def test_ids_come_in_pages_and_fields_in_batches_of_100(hook: PineconeHook, world: World) -> None:
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


def test_deleting_an_unknown_record_is_no_error(hook: PineconeHook) -> None:
    hook.open()
    hook.delete("dense", "no such namespace", ["x"])
    hook.upsert("dense", NAMESPACE, [record(1)])
    hook.delete("dense", NAMESPACE, ["x"])


def test_a_deletion_that_finds_no_index_is_an_error(hook: PineconeHook, world: World) -> None:
    hook.open()
    hook.upsert("dense", NAMESPACE, [record(1)])
    world.faults.append(Fault(path="/vectors/delete", status=404))
    with pytest.raises(NotFound):
        hook.delete("dense", NAMESPACE, ["r1"])


@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_an_update_names_the_records_that_are_not_stored_with_this_text(
    hook: PineconeHook, kind: IndexKind
) -> None:
    hook.open()
    assert hook.update(kind, "no such namespace", [record(1)]) == {"r1"}
    hook.upsert(kind, NAMESPACE, [record(1, a="x", b="y"), record(2)])
    other = {**record(2), "chunk_text": text(5)}
    assert hook.update(kind, NAMESPACE, [record(1, b="z"), other, record(3)]) == {"r2", "r3"}
    assert hook.fetch(kind, NAMESPACE, ["r1", "r2", "r3"]) == {
        "r1": {"chunk_text": text(1), "b": "z"},
        "r2": {"chunk_text": text(2)},
    }


def test_large_updates_are_sent_in_several_requests(hook: PineconeHook, world: World) -> None:
    hook.open()
    large = [record(n, a="x" * 30_000) for n in range(90)]
    for start in range(0, 90, 45):
        hook.upsert("dense", NAMESPACE, large[start : start + 45])
    world.traffic.clear()
    assert hook.update("dense", NAMESPACE, [{**each, "b": "y"} for each in large]) == set()
    sent = [line for line in world.traffic.recent if line.endswith("/vectors/upsert")]
    assert len(sent) == 2
    assert {fields["b"] for fields in hook.fetch("dense", NAMESPACE, ["r0", "r89"]).values()} == {"y"}


def test_statistics_of_a_working_and_a_failing_index(hook: PineconeHook, world: World) -> None:
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


# -- configuration errors name the setting ------------------------------


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


def test_no_message_contains_the_api_key(pinecone: str, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_an_index_with_another_model_is_refused(
    hook: PineconeHook, pinecone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook.open()
    monkeypatch.setenv(
        "AIRFLOW_CONN_PINECONE_PUBLIC", connection(pinecone, dense_model="llama-text-embed-v2")
    )
    other = PineconeHook()
    with pytest.raises(ConfigurationError, match=r"model multilingual-e5-large.*llama-text-embed-v2"):
        other.open()


def test_an_index_that_another_task_creates_at_the_same_time(hook: PineconeHook, world: World) -> None:
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
    succeeded, text = hook.test_connection()
    assert succeeded
    assert f"{INDEX} is Ready (multilingual-e5-large)" in text
    monkeypatch.setenv("AIRFLOW_CONN_PINECONE_PUBLIC", connection(pinecone, "wrong"))
    succeeded, text = PineconeHook().test_connection()
    assert not succeeded
    assert "check the API key" in text


@pytest.mark.parametrize(
    ("host", "control", "expected"),
    [
        ("https://localhost:5081", "http://localhost:5080", "http://localhost:5081"),
        ("https://x.svc.pinecone.io", "https://api.pinecone.io", "https://x.svc.pinecone.io"),
        ("https://x.svc.pinecone.io", "http://localhost:5080", "https://x.svc.pinecone.io"),
        ("https://x.svc.pinecone.io", "", "https://x.svc.pinecone.io"),
    ],
)
def test_an_index_of_a_local_control_plane_uses_http(host: str, control: str, expected: str) -> None:
    assert _with_scheme_of(host, control) == expected
