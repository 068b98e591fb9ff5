"""How a test or a person steers the sandbox: faults, time, counters. No service has these paths."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Body, HTTPException

from sandbox.faults import Fault
from sandbox.limiter import Limit
from sandbox.world import World


def control(world: World) -> APIRouter:
    """Return the steering routes of a world."""
    router = APIRouter(prefix="/_sandbox")
    _observe(router, world)
    _misbehave(router, world)
    _limit(router, world)
    _happen(router, world)
    return router


def _observe(router: APIRouter, world: World) -> None:

    @router.get("/")
    def overview() -> dict[str, Any]:
        lists = {name: len(found.entries) for name, found in world.mail.lists.items()}
        indexes = {
            name: {index.name: index.namespaces() for index in project.indexes.values()}
            for name, project in world.pinecone.projects.items()
        }
        return {
            "mailing_lists": lists,
            "pinecone": indexes,
            "requests": dict(world.traffic.counts),
            "faults": len(world.faults),
        }

    @router.get("/requests")
    def requests() -> dict[str, Any]:
        return {"counts": dict(world.traffic.counts), "recent": list(world.traffic.recent)}

    @router.delete("/requests")
    def forget() -> dict[str, Any]:
        world.traffic.clear()
        return {}


def _misbehave(router: APIRouter, world: World) -> None:
    @router.get("/faults")
    def faults() -> list[dict[str, Any]]:
        return [asdict(fault) for fault in world.faults]

    @router.post("/faults")
    def add_fault(wanted: dict[str, Any] = Body()) -> dict[str, Any]:  # noqa: B008 - FastAPI's way
        try:
            world.faults.append(Fault(**wanted))
        except (TypeError, ValueError) as error:
            raise HTTPException(422, str(error)) from None
        return asdict(world.faults[-1])

    @router.delete("/faults")
    def clear_faults() -> dict[str, Any]:
        world.faults.clear()
        return {}

    @router.post("/pinecone")
    def behave(wanted: dict[str, float] = Body()) -> dict[str, Any]:  # noqa: B008 - FastAPI's way
        behaviour = world.pinecone.behaviour
        if unknown := wanted.keys() - asdict(behaviour).keys():
            raise HTTPException(422, f"unknown: {', '.join(sorted(unknown))}")
        for name, value in wanted.items():
            setattr(behaviour, name, value)
        return asdict(behaviour)


def _limit(router: APIRouter, world: World) -> None:
    @router.post("/limits")
    def add_limit(wanted: dict[str, Any] = Body()) -> dict[str, Any]:  # noqa: B008 - FastAPI's way
        try:
            world.limits.append(Limit(**wanted))
        except (TypeError, ValueError) as error:
            raise HTTPException(422, str(error)) from None
        return {"limits": len(world.limits)}

    @router.get("/limits")
    def limits() -> list[dict[str, Any]]:
        return [
            {
                "path": limit.path,
                "served": dict(limit.served),
                "used": dict(limit.used),
                "violations": dict(limit.violations),
                "most_in_flight": limit.most_in_flight,
            }
            for limit in world.limits
        ]

    @router.delete("/limits")
    def clear_limits() -> dict[str, Any]:
        world.limits.clear()
        return {}


def _happen(router: APIRouter, world: World) -> None:
    @router.post("/time")
    def pass_time(wanted: dict[str, int] = Body()) -> dict[str, int]:  # noqa: B008 - FastAPI's way
        return {"messages": world.pass_time(wanted.get("messages", 10))}

    @router.delete("/pinecone/{project}/{index}/{namespace}")
    def lose(project: str, index: str, namespace: str, number: int = 1) -> dict[str, list[str]]:
        """Take records out of an index behind everybody's back."""
        found = world.pinecone.projects[project].get(index)
        lost = sorted(found.stored.get(namespace, {}))[:number]
        for record_id in lost:
            found.remove(namespace, record_id)
        return {"lost": lost}

    @router.delete("/mail/{list_name}/{message_hash}")
    def moderate(list_name: str, message_hash: str) -> dict[str, Any]:
        try:
            world.mail.lists[list_name].remove(message_hash)
        except KeyError:
            raise HTTPException(404, "no such message") from None
        return {}
