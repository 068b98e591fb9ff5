"""Pinecone as a service of the sandbox. It starts empty and is filled by collectors."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Body, HTTPException

from sandbox.pinecone.control_plane import control_plane
from sandbox.pinecone.data_plane import DataPlane
from sandbox.pinecone.project import KEYS, Pinecone
from sandbox.service import Connection, Service

PREFIX = "/pinecone"
INDEX = "boost"


def routers(pinecone: Callable[[], Pinecone]) -> list[APIRouter]:
    """Return the routes of both planes."""
    return [control_plane(pinecone, PREFIX), DataPlane(pinecone).router]


def overview(pinecone: Pinecone) -> dict[str, Any]:
    """Count the records of each project by index and namespace."""
    indexes = {
        name: {index.name: index.namespaces() for index in project.indexes.values()}
        for name, project in pinecone.projects.items()
    }
    return {"pinecone": indexes}


def control(pinecone: Callable[[], Pinecone]) -> APIRouter:
    """Return the routes that make Pinecone slow or strict, and that lose records."""
    router = APIRouter()

    @router.post("")
    def behave(body: dict[str, float] = Body()) -> dict[str, Any]:  # noqa: B008 - FastAPI's way
        behaviour = pinecone().behaviour
        if unknown := body.keys() - asdict(behaviour).keys():
            raise HTTPException(422, f"unknown: {', '.join(sorted(unknown))}")
        for name, value in body.items():
            setattr(behaviour, name, value)
        return asdict(behaviour)

    @router.delete("/{project}/{index}/{namespace}")
    def lose(project: str, index: str, namespace: str, number: int = 1) -> dict[str, list[str]]:
        """Remove records from an index behind the client's back."""
        found = pinecone().projects[project].get(index)
        lost = sorted(found.stored.get(namespace, {}))[:number]
        for record_id in lost:
            found.remove(namespace, record_id)
        return {"lost": lost}

    return router


def connections(base: str) -> dict[str, Connection]:
    """Return a Connection for each project."""
    return {
        f"pinecone_{account}": {
            "conn_type": "boost_pinecone",
            "host": f"{base}{PREFIX}",
            "password": key,
            "extra": json.dumps({"index_name": INDEX}),
        }
        for account, key in KEYS.items()
    }


SERVICE = Service(
    name="pinecone",
    prefix=PREFIX,
    empty=Pinecone,
    routers=routers,
    connections=connections,
    overview=overview,
    control=control,
)
