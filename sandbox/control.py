"""Routes that control the sandbox: faults, limits, time, counters. No service uses these paths."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Any

from fastapi import APIRouter, Body, HTTPException

from sandbox.faults import Fault
from sandbox.limits import Limit
from sandbox.services import merged
from sandbox.world import World


def control(world: World) -> APIRouter:
    """Return the control routes of a world."""
    router = APIRouter(prefix="/_sandbox")
    _add_observation(router, world)
    _add_faults(router, world)
    _add_limits(router, world)
    _add_time(router, world)
    _add_community(router, world)
    for service in world.services:
        if service.control is not None:
            router.include_router(
                service.control(partial(world.state_of, service)), prefix=f"/{service.name}"
            )
    return router


def _add_observation(router: APIRouter, world: World) -> None:
    @router.get("/")
    def overview() -> dict[str, Any]:
        shared = {"requests": dict(world.traffic.counts), "faults": len(world.faults)}
        return merged([*(service.overview(world.state_of(service)) for service in world.services), shared])

    @router.get("/requests")
    def requests() -> dict[str, Any]:
        return {"counts": dict(world.traffic.counts), "recent": list(world.traffic.recent)}

    @router.delete("/requests")
    def clear_requests() -> dict[str, Any]:
        world.traffic.clear()
        return {}


def _add_faults(router: APIRouter, world: World) -> None:
    @router.get("/faults")
    def faults() -> list[dict[str, Any]]:
        return [asdict(fault) for fault in world.faults]

    @router.post("/faults")
    def add_fault(body: dict[str, Any] = Body()) -> dict[str, Any]:  # noqa: B008 - FastAPI's way
        try:
            world.faults.append(Fault(**body))
        except (TypeError, ValueError) as error:
            raise HTTPException(422, str(error)) from None
        return asdict(world.faults[-1])

    @router.delete("/faults")
    def clear_faults() -> dict[str, Any]:
        world.faults.clear()
        return {}


def _add_limits(router: APIRouter, world: World) -> None:
    @router.post("/limits")
    def add_limit(body: dict[str, Any] = Body()) -> dict[str, Any]:  # noqa: B008 - FastAPI's way
        try:
            world.limits.append(Limit(**body))
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


def _add_time(router: APIRouter, world: World) -> None:
    @router.get("/time")
    def time() -> dict[str, str]:
        return {"now": world.clock.now.isoformat()}

    @router.post("/time")
    def pass_time(body: dict[str, float] = Body()) -> dict[str, int]:  # noqa: B008 - FastAPI's way
        hours, messages = body.get("hours", 0.0), body.get("messages", 0.0)
        if not body or body.keys() - {"hours", "messages"} or not messages.is_integer():
            raise HTTPException(422, "give hours, or a whole number of messages on the mailing lists")
        try:
            return world.pass_time(hours=hours, messages=int(messages))
        except (ValueError, OverflowError) as error:
            raise HTTPException(422, str(error)) from None


def _add_community(router: APIRouter, world: World) -> None:
    @router.get("/community")
    def community() -> dict[str, Any]:
        """Show where the community meets, by the services that show it."""
        places = {
            service.name: [place.key for place in service.shows(world.community)]
            for service in world.services
        }
        return {"people": world.community.people, "places": places}

    @router.get("/community/people/{number}")
    def person(number: int) -> dict[str, Any]:
        """Show who somebody really is: all names, addresses and accounts."""
        if not 0 <= number < world.community.people:
            raise HTTPException(404, f"the community has {world.community.people} people, from 0")
        found = world.community
        return asdict(found.person(number)) | {"accounts": asdict(found.accounts(number))}
