"""The data plane of an index: records are written, searched, listed and deleted."""

from __future__ import annotations

import base64
import json
from bisect import bisect_right
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

from fastapi import APIRouter, Request, Response

from sandbox.pinecone import embedding
from sandbox.pinecone.filters import matches
from sandbox.pinecone.index import Index, Record, Vector
from sandbox.pinecone.limits import (
    FIELDS,
    IDS_PER_DELETE,
    IDS_PER_FETCH,
    LIST_LIMIT,
    REQUEST_BYTES,
    TOP_K,
    Refused,
    check_id,
    check_ids,
    check_metadata,
    check_records,
    check_vectors,
)
from sandbox.pinecone.project import Pinecone, Project

GRPC_CODES = {"INVALID_ARGUMENT": 3, "NOT_FOUND": 5, "RESOURCE_EXHAUSTED": 8, "UNAUTHENTICATED": 16}


def failure(refused: Refused) -> Response:
    """Return an error in the format of the data plane."""
    body = {"code": GRPC_CODES.get(refused.code, 2), "message": refused.message, "details": []}
    return Response(json.dumps(body), refused.status, media_type="application/json")


class DataPlane:
    """The routes of all index hosts."""

    def __init__(self, pinecone: Callable[[], Pinecone]) -> None:
        self.pinecone = pinecone
        self.router = APIRouter(prefix="/hosts/{host}")
        self._route("POST", "/records/namespaces/{namespace}/upsert", upsert, 201)
        self._route("POST", "/records/namespaces/{namespace}/search", search)
        self._route("GET", "/vectors/fetch", fetch)
        self._route("GET", "/vectors/list", list_ids)
        self._route("POST", "/vectors/update", update)
        self._route("POST", "/vectors/upsert", upsert_vectors)
        self._route("POST", "/vectors/delete", delete)
        self._route("POST", "/describe_index_stats", stats)
        self._route("GET", "/namespaces", list_namespaces)
        self._route("GET", "/namespaces/{namespace}", describe_namespace)
        self._route("DELETE", "/namespaces/{namespace}", delete_namespace)

    def _route(self, method: str, path: str, work: Callable[..., Any], status: int = 200) -> None:
        async def endpoint(request: Request) -> Response:
            body = await request.body()
            try:
                project = self.pinecone().by_key(request.headers.get("api-key"))
                index = project.at_host(request.path_params["host"])
                if not index.ready:
                    raise Refused(503, "Index is not ready", "UNAVAILABLE")
                if len(body) > REQUEST_BYTES:
                    raise Refused(
                        400, f"Request size {len(body)} bytes exceeds the maximum of {REQUEST_BYTES} bytes"
                    )
                value = work(IndexRequest(request, project, index, body))
            except Refused as refused:
                return failure(refused)
            content = b"" if value is None else json.dumps(value).encode()
            return Response(content, status, media_type="application/json")

        self.router.add_api_route(path, endpoint, methods=[method])


class IndexRequest:
    """A request to one index of a project."""

    def __init__(self, request: Request, project: Project, index: Index, body: bytes) -> None:
        self.project, self.index, self.body = project, index, body
        self.query = request.query_params
        self.path = request.path_params

    def json(self) -> dict[str, Any]:
        """Decode the body, which must be a JSON object."""
        try:
            value = json.loads(self.body or b"{}")
        except ValueError:
            raise Refused(400, "Invalid JSON") from None
        if not isinstance(value, dict):
            raise Refused(400, "The request body must be an object")
        return value

    def lines(self) -> list[Mapping[str, Any]]:
        """Decode a body with one JSON object per line."""
        try:
            found = [json.loads(line) for line in self.body.splitlines() if line.strip()]
        except ValueError:
            raise Refused(400, "Invalid NDJSON") from None
        if not all(isinstance(item, dict) for item in found):
            raise Refused(400, "Each line must be an object")
        return found


def stored_name(namespace: str) -> str:
    """Return the stored name of a namespace; `__default__` is an alias of the empty name."""
    return "" if namespace == "__default__" else namespace


def shown_name(namespace: str) -> str:
    """Return the name of a namespace as responses show it."""
    return namespace or "__default__"


def upsert(request: IndexRequest) -> None:
    """Embed and store a page_size batch, or refuse all of it."""
    index = request.index
    records = request.lines()
    check_records(records, index.text_field)
    if request.project.behaviour.tokens_per_window:
        tokens = sum(len(embedding.tokens(record[index.text_field])) for record in records)
        request.project.spend(tokens, index.model.name)
    for record in records:
        fields = {name: value for name, value in record.items() if name not in ("_id", "id")}
        record_id = record.get("_id", record.get("id"))
        index.put(
            stored_name(request.path["namespace"]), str(record_id), Record(fields, record[index.text_field])
        )


def upsert_vectors(request: IndexRequest) -> dict[str, Any]:
    """Store records with vectors of the client's own, or refuse all of them."""
    body, index = request.json(), request.index
    records = check_vectors(body.get("vectors"), index.model.dimension)
    for record in records:
        metadata = record.get("metadata") or {}
        text = str(metadata.get(index.text_field, ""))
        stored = Record(metadata, text, given_vector(record))
        index.put(stored_name(body.get("namespace") or ""), record["id"], stored)
    return {"upsertedCount": len(records)}


def given_vector(record: Mapping[str, Any]) -> Vector:
    """Return the vector that a client sent."""
    if values := record.get("values"):
        return list(values)
    sparse = record["sparseValues"]
    return dict(zip(sparse["indices"], sparse["values"], strict=True))


def search(request: IndexRequest) -> dict[str, Any]:
    """Find the records nearest to a text or to another record."""
    body = request.json()
    query = body.get("query")
    if not isinstance(query, dict):
        raise Refused(400, "query is required")
    top_k = query.get("top_k")
    if not isinstance(top_k, int) or not 1 <= top_k <= TOP_K:
        raise Refused(400, f"top_k must be between 1 and {TOP_K}")
    namespace = stored_name(request.path["namespace"])
    records = request.index.visible(namespace)
    text = (query.get("inputs") or {}).get("text")
    if text is None and "id" in query:
        if query["id"] not in records:
            raise Refused(404, f"Record '{query['id']}' not found", "NOT_FOUND")
        text = records[query["id"]].text
    if not isinstance(text, str) or not text.strip():
        raise Refused(400, "inputs must hold a non-empty 'text'")
    wanted = body.get("fields")
    if wanted is not None and len(wanted) > FIELDS:
        raise Refused(400, f"at most {FIELDS} fields can be requested")
    tokens = len(embedding.tokens(text))
    request.project.spend(tokens, request.index.model.name)
    condition = query.get("filter")
    hits = []
    for record_id, score, record in request.index.nearest(namespace, text, len(records)):
        if condition is None or matches(condition, record.fields):
            chosen = {k: v for k, v in record.fields.items() if wanted is None or k in wanted}
            hits.append({"_id": record_id, "_score": score, "fields": chosen})
        if len(hits) == top_k:
            break
    usage = {"embed_total_tokens": tokens, "read_units": max(1, len(records) // 1000)}
    return {"result": {"hits": hits}, "usage": usage}


def fetch(request: IndexRequest) -> dict[str, Any]:
    """Return records by id; unknown ids are omitted."""
    namespace = request.query.get("namespace", "")
    records = request.index.visible(stored_name(namespace))
    ids = check_ids(request.query.getlist("ids"), IDS_PER_FETCH)
    found = {record_id: records[record_id] for record_id in ids if record_id in records}
    return {
        "vectors": {i: vector(request.index, i, record) for i, record in found.items()},
        "namespace": namespace,
        "usage": {"readUnits": max(1, len(found) // 10)},
    }


def vector(index: Index, record_id: str, record: Record) -> dict[str, Any]:
    """Return a record with the vector of its text. Numbers are stored as doubles."""
    stored = {
        name: float(value) if isinstance(value, int) and not isinstance(value, bool) else value
        for name, value in record.fields.items()
    }
    found = index.vector_of(record)
    if isinstance(found, list):
        return {"id": record_id, "values": found, "metadata": stored}
    sparse = {"indices": list(found), "values": list(found.values())}
    return {"id": record_id, "sparseValues": sparse, "metadata": stored}


def list_ids(request: IndexRequest) -> dict[str, Any]:
    """Return a page of ids in byte order; the last page has no token."""
    namespace = request.query.get("namespace", "")
    prefix = request.query.get("prefix", "")
    limit = page_size(request.query.get("limit"), LIST_LIMIT)
    after = ""
    if token := request.query.get("paginationToken"):
        try:
            after = json.loads(base64.urlsafe_b64decode(token))["skip_past"]
        except (ValueError, KeyError, TypeError):
            raise Refused(400, "Invalid pagination token") from None
    every = request.index.sorted_ids(stored_name(namespace))
    start = bisect_right(every, after)
    ids = list(islice((i for i in islice(every, start, None) if i.startswith(prefix)), limit + 1))
    answer: dict[str, Any] = {
        "vectors": [{"id": record_id} for record_id in ids[:limit]],
        "namespace": namespace,
        "usage": {"readUnits": 1},
    }
    if len(ids) > limit:
        position = json.dumps({"skip_past": ids[limit - 1], "prefix": prefix}).encode()
        answer["pagination"] = {"next": base64.urlsafe_b64encode(position).decode()}
    return answer


def page_size(value: str | None, default: int) -> int:
    """Parse a page size."""
    try:
        number = default if value is None else int(value)
    except ValueError:
        raise Refused(400, "limit must be a number") from None
    if not 1 <= number <= LIST_LIMIT:
        raise Refused(400, f"limit must be between 1 and {LIST_LIMIT}")
    return number


def update(request: IndexRequest) -> dict[str, Any]:
    """Set metadata of one record. An unknown record is not an error, and the answer does not tell."""
    body = request.json()
    check_id(body.get("id"))
    metadata = body.get("setMetadata") or {}
    namespace = stored_name(body.get("namespace") or "")
    if namespace not in request.index.stored:
        raise Refused(404, "Namespace not found", "NOT_FOUND")
    before = request.index.stored[namespace].get(body["id"])
    check_metadata({**(before.fields if before else {}), **metadata}, body["id"])
    request.index.change(namespace, body["id"], metadata)
    return {}


def delete(request: IndexRequest) -> dict[str, Any]:
    """Delete records by id, or all records of a namespace."""
    body = request.json()
    namespace = stored_name(body.get("namespace") or "")
    if namespace not in request.index.stored:
        raise Refused(404, "Namespace not found", "NOT_FOUND")
    if body.get("deleteAll"):
        request.index.drop(namespace)
        return {}
    for record_id in check_ids(body.get("ids"), IDS_PER_DELETE):
        request.index.remove(namespace, record_id)
    return {}


def stats(request: IndexRequest) -> dict[str, Any]:
    """Count the records of each namespace."""
    counts = request.index.namespaces()
    model = request.index.model
    answer: dict[str, Any] = {
        "namespaces": {shown_name(name): {"vectorCount": number} for name, number in counts.items()},
        "indexFullness": 0.0,
        "totalVectorCount": sum(counts.values()),
        "metric": model.metric,
        "vectorType": model.vector_type,
    }
    return answer | ({"dimension": model.dimension} if model.dimension else {})


def list_namespaces(request: IndexRequest) -> dict[str, Any]:
    """List all namespaces with their record counts."""
    counts = request.index.namespaces()
    listed = [{"name": shown_name(name), "record_count": number} for name, number in sorted(counts.items())]
    return {"namespaces": listed, "total_count": len(listed)}


def describe_namespace(request: IndexRequest) -> dict[str, Any]:
    """Return one namespace with its record count."""
    name = stored_name(request.path["namespace"])
    if name not in request.index.stored:
        raise Refused(404, "Namespace not found", "NOT_FOUND")
    return {"name": shown_name(name), "record_count": len(request.index.visible(name))}


def delete_namespace(request: IndexRequest) -> dict[str, Any]:
    """Delete a namespace with all its records."""
    describe_namespace(request)
    request.index.drop(stored_name(request.path["namespace"]))
    return {}
