"""The sandbox's Pinecone, checked against the official API descriptions and the models of the official SDK."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from jsonschema import Draft7Validator
from pinecone import Pinecone

from sandbox.pinecone import embedding
from sandbox.world import World
from tests.conftest import ROOT
from tests.pinecone import text

CONTRACTS = Path(os.environ.get("BDC_CONTRACTS_DIR") or ROOT.parent / "shared" / "contracts") / "pinecone"
VERSIONS = ("2025-10", "2026-04")
KEY = "pcsk_sandbox_public"
CREATE = {
    "name": "boost",
    "cloud": "aws",
    "region": "us-east-1",
    "embed": {"model": "multilingual-e5-large", "field_map": {"text": "chunk_text"}},
}
Ask = Callable[..., requests.Response]

pytestmark = pytest.mark.skipif(not CONTRACTS.is_dir(), reason=f"no API descriptions in {CONTRACTS}")


@pytest.fixture(scope="module", params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


_loaded: dict[str, Any] = {}


def described(plane: str, version: str) -> Any:
    name = f"db_{plane}_{version}.oas.yaml"
    if name not in _loaded:
        _loaded[name] = yaml.load((CONTRACTS / name).read_text(), Loader=yaml.CSafeLoader)
    return _loaded[name]


def check(plane: str, version: str, method: str, path: str, answer: requests.Response) -> Any:
    """Check an answer against the description of this status of this operation."""
    document = described(plane, version)
    responses = document["paths"][path][method]["responses"]
    status = str(answer.status_code)
    expected = responses.get(status) or responses.get(f"{status[0]}XX")
    assert expected is not None, f"{method} {path}: {status} is not described"
    schemas = [content["schema"] for content in expected.get("content", {}).values()]
    if not schemas:
        assert answer.content == b""
        return None
    body = answer.json()
    schema = {**schemas[0], "components": document["components"]}
    problems = [f"{list(e.path)}: {e.message}" for e in Draft7Validator(schema).iter_errors(body)]
    assert problems == []
    return body


@pytest.fixture
def control(sandbox: str, version: str) -> Ask:
    def ask(method: str, path: str, key: str = KEY, **sent: Any) -> requests.Response:
        headers = {"Api-Key": key, "X-Pinecone-Api-Version": version}
        return requests.request(method, f"{sandbox}/pinecone{path}", headers=headers, timeout=10, **sent)

    return ask


@pytest.fixture
def data(control: Ask, version: str) -> Ask:
    host = control("post", "/indexes/create-for-model", json=CREATE).json()["host"]

    def ask(method: str, path: str, key: str = KEY, **sent: Any) -> requests.Response:
        headers = {"Api-Key": key, "X-Pinecone-Api-Version": version}
        return requests.request(method, f"{host}{path}", headers=headers, timeout=10, **sent)

    return ask


def ndjson(*records: dict[str, Any]) -> bytes:
    return "\n".join(map(json.dumps, records)).encode()


def record(number: int, **metadata: Any) -> dict[str, Any]:
    return {"_id": f"r{number}", "chunk_text": text(number), **metadata}


# -- the control plane -----------------------------------------------------------------------------------------


def test_an_index_is_created_listed_described_and_deleted(control: Ask, version: str) -> None:
    made = control("post", "/indexes/create-for-model", json=CREATE)
    assert made.status_code == 201
    body = check("control", version, "post", "/indexes/create-for-model", made)
    assert (body["embed"]["field_map"], body["dimension"]) == ({"text": "chunk_text"}, 1024)
    listed = check("control", version, "get", "/indexes", control("get", "/indexes"))
    assert [index["name"] for index in listed["indexes"]] == ["boost"]
    check("control", version, "get", "/indexes/{index_name}", control("get", "/indexes/boost"))
    gone = control("delete", "/indexes/boost")
    assert gone.status_code == 202
    check("control", version, "delete", "/indexes/{index_name}", gone)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"name": "Boost_1"}, 400),
        ({"region": "mars-north-1"}, 404),
        ({"embed": {"model": "no-such-model", "field_map": {"text": "t"}}}, 404),
        ({"embed": {"model": "multilingual-e5-large"}}, 422),
    ],
)
def test_invalid_indexes_are_refused(
    control: Ask, version: str, changes: dict[str, Any], status: int
) -> None:
    answer = control("post", "/indexes/create-for-model", json={**CREATE, **changes})
    assert answer.status_code == status
    error = described("control", version)["components"]["schemas"]["ErrorResponse"]
    assert not list(Draft7Validator(error).iter_errors(answer.json()))


def test_errors_of_the_control_plane(control: Ask, version: str) -> None:
    assert control("get", "/indexes", key="nobody").status_code == 401
    check("control", version, "get", "/indexes", control("get", "/indexes", key="nobody"))
    check("control", version, "get", "/indexes/{index_name}", control("get", "/indexes/none"))
    control("post", "/indexes/create-for-model", json=CREATE)
    twice = control("post", "/indexes/create-for-model", json=CREATE)
    assert (twice.status_code, twice.json()["error"]["code"]) == (409, "ALREADY_EXISTS")


# -- the data plane --------------------------------------------------------------------------------------------


def test_every_operation_matches_its_description(data: Ask, version: str) -> None:
    upserted = data("post", "/records/namespaces/ns/upsert", data=ndjson(*(record(n, n=n) for n in range(5))))
    check("data", version, "post", "/records/namespaces/{namespace}/upsert", upserted)
    assert upserted.status_code == 201
    query = {"query": {"top_k": 3, "inputs": {"text": text(2)}}, "fields": ["n"]}
    path = "/records/namespaces/{namespace}/search"
    found = check("data", version, "post", path, data("post", "/records/namespaces/ns/search", json=query))
    assert found["result"]["hits"][0]["_id"] == "r2"
    assert found["result"]["hits"][0]["fields"] == {"n": 2}
    fetched = data("get", "/vectors/fetch", params={"ids": ["r1", "r9"], "namespace": "ns"})
    vectors = check("data", version, "get", "/vectors/fetch", fetched)["vectors"]
    assert list(vectors) == ["r1"]
    assert len(vectors["r1"]["values"]) == 1024
    updating = {"id": "r1", "setMetadata": {"state": "x"}, "namespace": "ns"}
    check("data", version, "post", "/vectors/update", data("post", "/vectors/update", json=updating))
    deleting = {"ids": ["r0"], "namespace": "ns"}
    check("data", version, "post", "/vectors/delete", data("post", "/vectors/delete", json=deleting))
    stats = check(
        "data", version, "post", "/describe_index_stats", data("post", "/describe_index_stats", json={})
    )
    assert stats["namespaces"] == {"ns": {"vectorCount": 4}}
    check("data", version, "get", "/namespaces", data("get", "/namespaces"))
    check("data", version, "get", "/namespaces/{namespace}", data("get", "/namespaces/ns"))
    check("data", version, "delete", "/namespaces/{namespace}", data("delete", "/namespaces/ns"))


def test_ids_are_listed_in_order_page_by_page(data: Ask, version: str) -> None:
    data("post", "/records/namespaces/ns/upsert", data=ndjson(*(record(n) for n in range(7))))
    seen: list[str] = []
    token = None
    while True:
        params = {"namespace": "ns", "limit": 3, "paginationToken": token}
        page = check("data", version, "get", "/vectors/list", data("get", "/vectors/list", params=params))
        seen += [item["id"] for item in page["vectors"]]
        token = page.get("pagination", {}).get("next")
        if not token:
            break
    assert seen == [f"r{n}" for n in range(7)]
    prefixed = data("get", "/vectors/list", params={"namespace": "ns", "prefix": "r6"})
    assert prefixed.json()["vectors"] == [{"id": "r6"}]
    assert data("get", "/vectors/list", params={"limit": 101}).status_code == 400


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (ndjson(*(record(n) for n in range(97))), "96"),
        (ndjson(record(1, a=None)), "null"),
        (ndjson(record(1, a=[1, 2])), "list of strings"),
        (ndjson(record(1, a="x" * 41_000)), "40960"),
        (ndjson(*(record(n, a="x" * 39_000) for n in range(60))), "2097152"),
        (ndjson({"_id": "a"}), "chunk_text"),
        (ndjson({"chunk_text": "a"}), "ID"),
        (b"{", "NDJSON"),
        (b"", "No records"),
    ],
)
def test_documented_limits_are_enforced(data: Ask, version: str, body: bytes, word: str) -> None:
    answer = data("post", "/records/namespaces/ns/upsert", data=body)
    assert answer.status_code == 400
    assert word in check("data", version, "post", "/records/namespaces/{namespace}/upsert", answer)["message"]
    listed = data("get", "/vectors/list", params={"namespace": "ns"})
    assert listed.json()["vectors"] == []


def test_a_batch_is_stored_completely_or_not_at_all(data: Ask) -> None:
    bad = data("post", "/records/namespaces/ns/upsert", data=ndjson(record(1), record(2, a=None)))
    assert bad.status_code == 400
    assert data("get", "/vectors/list", params={"namespace": "ns"}).json()["vectors"] == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/vectors/delete", {"ids": [f"r{n}" for n in range(1001)], "namespace": "ns"}),
        ("/vectors/delete", {"ids": ["a"], "namespace": "none"}),
        ("/vectors/update", {"id": "r1", "setMetadata": {"a": None}, "namespace": "ns"}),
        ("/records/namespaces/{namespace}/search", {"query": {"top_k": 0, "inputs": {"text": "a"}}}),
        ("/records/namespaces/{namespace}/search", {"query": {"top_k": 1, "inputs": {}}}),
    ],
)
def test_invalid_requests_to_the_data_plane_are_refused(
    data: Ask, version: str, path: str, body: dict[str, Any]
) -> None:
    data("post", "/records/namespaces/ns/upsert", data=ndjson(record(1)))
    answer = data("post", path.replace("{namespace}", "ns"), json=body)
    assert answer.status_code in (400, 404)
    check("data", version, "post", path, answer)


def test_a_key_gives_access_to_its_own_indexes_only(data: Ask) -> None:
    for key in ("nobody", "pcsk_sandbox_private"):
        assert data("post", "/describe_index_stats", key=key, json={}).status_code in (401, 404)


def test_an_update_adds_keys_and_removes_none(data: Ask) -> None:
    data("post", "/records/namespaces/ns/upsert", data=ndjson(record(1, a="x", b="y")))
    data("post", "/vectors/update", json={"id": "r1", "setMetadata": {"b": "z"}, "namespace": "ns"})
    fetched = data("get", "/vectors/fetch", params={"ids": ["r1"], "namespace": "ns"}).json()
    assert fetched["vectors"]["r1"]["metadata"] == {"chunk_text": text(1), "a": "x", "b": "z"}


def test_an_update_by_id_does_not_tell_whether_the_record_exists(data: Ask, version: str) -> None:
    data("post", "/records/namespaces/ns/upsert", data=ndjson(record(1)))
    for record_id in ("r1", "no such record"):
        updating = {"id": record_id, "setMetadata": {"a": "x"}, "namespace": "ns"}
        answer = data("post", "/vectors/update", json=updating)
        assert check("data", version, "post", "/vectors/update", answer) == {}
    listed = data("get", "/vectors/list", params={"namespace": "ns"}).json()
    assert listed["vectors"] == [{"id": "r1"}]


def test_a_vector_is_stored_as_it_was_sent(data: Ask, version: str) -> None:
    data("post", "/records/namespaces/ns/upsert", data=ndjson(record(1, a="x", b="y")))
    asked = {"ids": ["r1"], "namespace": "ns"}
    found = data("get", "/vectors/fetch", params=asked).json()["vectors"]["r1"]
    other = [*reversed(found["values"])]
    sent = {"id": "r1", "values": other, "metadata": {"chunk_text": text(1), "a": "z"}}
    answer = data("post", "/vectors/upsert", json={"vectors": [sent], "namespace": "ns"})
    assert check("data", version, "post", "/vectors/upsert", answer) == {"upsertedCount": 1}
    assert data("get", "/vectors/fetch", params=asked).json()["vectors"]["r1"] == sent


@pytest.mark.parametrize(
    ("vector", "word"),
    [
        ({"id": "r1", "values": [0.5]}, "dimension 1"),
        ({"id": "r1", "sparseValues": {"indices": [1], "values": [0.5]}}, "sparse"),
        ({"id": "", "values": [0.5] * 1024}, "ID"),
        ({"id": "r1", "values": [0.5] * 1024, "metadata": {"a": None}}, "null"),
    ],
)
def test_vectors_that_do_not_fit_the_index_are_refused(
    data: Ask, version: str, vector: dict[str, Any], word: str
) -> None:
    good = {"id": "r2", "values": [0.5] * 1024}
    answer = data("post", "/vectors/upsert", json={"vectors": [good, vector], "namespace": "ns"})
    assert answer.status_code == 400
    assert word in check("data", version, "post", "/vectors/upsert", answer)["message"]
    assert data("get", "/vectors/list", params={"namespace": "ns"}).json()["vectors"] == []


def test_filters(data: Ask) -> None:
    records = [record(n, n=n, tags=[f"t{n % 2}"]) for n in range(6)]
    data("post", "/records/namespaces/ns/upsert", data=ndjson(*records))

    def found(condition: dict[str, Any]) -> set[str]:
        query = {"top_k": 10, "inputs": {"text": "template"}, "filter": condition}
        answer = data("post", "/records/namespaces/ns/search", json={"query": query}).json()
        return {hit["_id"] for hit in answer["result"]["hits"]}

    assert found({"n": {"$gte": 4}}) == {"r4", "r5"}
    assert found({"tags": {"$in": ["t0"]}}) == {"r0", "r2", "r4"}
    assert found({"$or": [{"n": 1}, {"n": {"$lt": 1}}]}) == {"r0", "r1"}
    assert found({"n": {"$exists": False}}) == set()


# -- behaviour that no description covers ------------------------------------------------------------------------------------


def test_reads_lag_behind_writes(world: World, data: Ask) -> None:
    index = world.pinecone.projects["public"].indexes["boost"]
    moment = index.ready_at
    index.now = lambda: moment
    world.pinecone.behaviour.lag = 5.0
    data("post", "/records/namespaces/ns/upsert", data=ndjson(record(1)))
    listing = {"namespace": "ns"}
    assert data("get", "/vectors/list", params=listing).json()["vectors"] == []
    moment += 5
    assert data("get", "/vectors/list", params=listing).json()["vectors"] == [{"id": "r1"}]
    data("post", "/vectors/delete", json={"ids": ["r1"], "namespace": "ns"})
    assert data("get", "/vectors/list", params=listing).json()["vectors"] == [{"id": "r1"}]
    moment += 6
    assert data("get", "/vectors/list", params=listing).json()["vectors"] == []


def test_similar_texts_have_similar_and_stable_vectors() -> None:
    question = "How do I write an asynchronous TCP server with coroutines?"
    near = "Asynchronous servers: writing a TCP echo server using coroutine support"
    far = "The release notes mention a new allocator for small strings"

    def similarity(other: str) -> float:
        return embedding.cosine(embedding.dense(question, 1024), embedding.dense(other, 1024))

    assert similarity(near) > similarity(far) + 0.1
    assert similarity(question) == pytest.approx(1.0)
    assert embedding.dot(embedding.sparse(question), embedding.sparse(near)) > 0
    assert embedding.dense(near, 8) == embedding.dense(near, 8)
    long = near + " word" * 600
    assert embedding.dense(long, 64) == embedding.dense(f"{long} and more", 64)


def test_the_sdk_decodes_the_newest_version(sandbox: str) -> None:
    sdk = Pinecone(api_key=KEY, host=f"{sandbox}/pinecone")
    made = sdk.indexes.create_for_model(**CREATE)
    assert made.embed is not None
    assert (made.embed.model, made.embed.field_map) == ("multilingual-e5-large", {"text": "chunk_text"})
    assert made.deployment.region == "us-east-1"  # type: ignore[union-attr]
    assert made.status.ready
    assert [index.name for index in sdk.indexes.list()] == ["boost"]
    sdk.close()
