"""Routes that control the sandbox: faults, limits, time, counters. No service uses these paths."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Body, HTTPException

from sandbox.faults import Fault
from sandbox.limits import Limit
from sandbox.service import Service, State
from sandbox.services import merged
from sandbox.world import World


def control(services: Iterable[Service[Any]], world: Callable[[], World]) -> APIRouter:
    """Return the control routes of worlds with these services."""
    router = APIRouter(prefix="/_sandbox")
    _add_observation(router, world)
    _add_faults(router, world)
    _add_limits(router, world)
    _add_time(router, world)
    _add_community(router, world)
    for service in services:
        if service.control is not None:
            router.include_router(service.control(state_of(service, world)), prefix=f"/{service.name}")
    return router


def state_of(service: Service[State], world: Callable[[], World]) -> Callable[[], State]:
    """Return what returns the state of a service in the world of the current request."""
    return lambda: world().state_of(service)


def _add_observation(router: APIRouter, world: Callable[[], World]) -> None:
    @router.get("/")
    def overview() -> dict[str, Any]:
        found = world()
        shared = {"requests": dict(found.traffic.counts), "faults": len(found.faults)}
        return merged([*(service.overview(found.state_of(service)) for service in found.services), shared])

    @router.get("/requests")
    def requests() -> dict[str, Any]:
        return {"counts": dict(world().traffic.counts), "recent": list(world().traffic.recent)}

    @router.delete("/requests")
    def clear_requests() -> dict[str, Any]:
        world().traffic.clear()
        return {}


def _add_faults(router: APIRouter, world: Callable[[], World]) -> None:
    @router.get("/faults")
    def faults() -> list[dict[str, Any]]:
        return [asdict(fault) for fault in world().faults]

    @router.post("/faults")
    def add_fault(body: dict[str, Any] = Body()) -> dict[str, Any]:  # noqa: B008 - FastAPI's way
        try:
            world().faults.append(Fault(**body))
        except (TypeError, ValueError) as error:
            raise HTTPException(422, str(error)) from None
        return asdict(world().faults[-1])

    @router.delete("/faults")
    def clear_faults() -> dict[str, Any]:
        world().faults.clear()
        return {}


def _add_limits(router: APIRouter, world: Callable[[], World]) -> None:
    @router.post("/limits")
    def add_limit(body: dict[str, Any] = Body()) -> dict[str, Any]:  # noqa: B008 - FastAPI's way
        try:
            world().limits.append(Limit(**body))
        except (TypeError, ValueError) as error:
            raise HTTPException(422, str(error)) from None
        return {"limits": len(world().limits)}

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
            for limit in world().limits
        ]

    @router.delete("/limits")
    def clear_limits() -> dict[str, Any]:
        world().limits.clear()
        return {}


def _add_time(router: APIRouter, world: Callable[[], World]) -> None:
    @router.get("/time")
    def time() -> dict[str, str]:
        return {"now": world().clock.now.isoformat()}

    @router.post("/time")
    def pass_time(body: dict[str, float] = Body()) -> dict[str, int]:  # noqa: B008 - FastAPI's way
        hours, messages = body.get("hours", 0.0), body.get("messages", 0.0)
        if not body or body.keys() - {"hours", "messages"} or not messages.is_integer():
            raise HTTPException(422, "give hours, or a whole number of messages on the mailing lists")
        try:
            return world().pass_time(hours=hours, messages=int(messages))
        except (ValueError, OverflowError) as error:
            raise HTTPException(422, str(error)) from None


def _add_community(router: APIRouter, world: Callable[[], World]) -> None:
    @router.get("/community")
    def community() -> dict[str, Any]:
        """Show where the community meets, by the services that show it."""
        found = world().community
        places = {service.name: [place.key for place in service.shows(found)] for service in world().services}
        return {"people": found.people, "places": places}

    @router.get("/community/people/{number}")
    def person(number: int) -> dict[str, Any]:
        """Show who somebody really is: all names, addresses and accounts."""
        found = world().community
        if not 0 <= number < found.people:
            raise HTTPException(404, f"the community has {found.people} people, from 0")
        return asdict(found.person(number)) | {"accounts": asdict(found.accounts(number))}
