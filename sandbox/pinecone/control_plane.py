"""The control plane: list, describe, create for a model and delete indexes.

Up to API version 2026-04 an index has `spec`, `dimension`, `metric` and `embed`; from 2026-07 on it has
`schema` and `deployment`. The version header of the request decides.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request, Response

from sandbox.pinecone.index import Index
from sandbox.pinecone.limits import Refused
from sandbox.pinecone.project import Pinecone, Project

SCHEMA_SINCE = "2026-07"
VERSION = "x-pinecone-api-version"
HOSTS = "hosts"


def failure(refused: Refused) -> Response:
    """Return an error in the format of the control plane."""
    body = {"error": {"code": refused.code, "message": refused.message}, "status": refused.status}
    return Response(json.dumps(body), refused.status, media_type="application/json")


def control_plane(pinecone: Callable[[], Pinecone], prefix: str) -> APIRouter:
    """Return the control plane's routes; `prefix` is part of the hosts that it returns."""
    router = APIRouter()

    def respond(request: Request, work: Callable[[Project], Any], status: int = 200) -> Response:
        try:
            value = work(pinecone().by_key(request.headers.get("api-key")))
        except Refused as refused:
            return failure(refused)
        content = b"" if value is None else json.dumps(value).encode()
        return Response(content, status, media_type="application/json")

    def shown(request: Request, project: Project, index: Index) -> dict[str, Any]:
        host = f"{request.url.scheme}://{request.headers['host']}{prefix}/{HOSTS}/{project.host_of(index)}"
        return describe(index, host, request.headers.get(VERSION, ""))

    @router.get("/indexes")
    def list_indexes(request: Request) -> Response:
        return respond(
            request, lambda p: {"indexes": [shown(request, p, index) for index in p.indexes.values()]}
        )

    @router.get("/indexes/{name}")
    def describe_index(request: Request, name: str) -> Response:
        return respond(request, lambda p: shown(request, p, p.get(name)))

    @router.post("/indexes/create-for-model")
    async def create_for_model(request: Request) -> Response:
        try:
            body = json.loads(await request.body())
        except ValueError:
            return failure(Refused(400, "Invalid JSON"))
        return respond(request, lambda p: shown(request, p, p.create(body)), 201)

    @router.delete("/indexes/{name}")
    def delete_index(request: Request, name: str) -> Response:
        return respond(request, lambda p: p.delete(name), 202)

    return router


def describe(index: Index, host: str, version: str) -> dict[str, Any]:
    """Return an index as the requested API version describes it."""
    status = {"ready": index.ready, "state": "Ready" if index.ready else "Initializing"}
    common = {
        "name": index.name,
        "host": host,
        "status": status,
        "deletion_protection": index.deletion_protection,
        "tags": dict(index.tags),
    }
    model = index.model
    parameters = {
        "read_parameters": {"input_type": "query", "truncate": "END"},
        "write_parameters": {"input_type": "passage", "truncate": "END"},
    }
    if version >= SCHEMA_SINCE:
        text = {"type": "semantic_text", "model": model.name, "metric": model.metric, **parameters}
        return common | {
            "schema": {"fields": {index.text_field: text}},
            "deployment": {"deployment_type": "managed", "cloud": index.cloud, "region": index.region},
            "read_capacity": {"mode": "OnDemand", "status": {"state": "Ready"}},
        }
    sized = {"dimension": model.dimension} if model.dimension else {}
    embed = {
        "model": model.name,
        "metric": model.metric,
        "vector_type": model.vector_type,
        "field_map": {"text": index.text_field},
        **sized,
        **parameters,
    }
    capacity = {"mode": "OnDemand", "status": {"state": "Ready"}}
    serverless = {"cloud": index.cloud, "region": index.region, "read_capacity": capacity}
    return (
        common
        | sized
        | {
            "metric": model.metric,
            "vector_type": model.vector_type,
            "spec": {"serverless": serverless},
            "embed": embed,
        }
    )
