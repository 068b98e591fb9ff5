"""The sandbox as one web application: a path prefix per service."""

from __future__ import annotations

from functools import partial

from fastapi import FastAPI

from sandbox.asgi import App
from sandbox.control import control
from sandbox.faults import Faults
from sandbox.limits import Limiter
from sandbox.traffic import Counting
from sandbox.world import World


def create_app(world: World) -> App:
    """Return the application that serves a world."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)

    app.include_router(control(world))
    for service in world.services:
        for router in service.routers(partial(world.state_of, service)):
            app.include_router(router, prefix=service.prefix)
    return Counting(Limiter(Faults(app, world.faults), world.limits), world.traffic)
