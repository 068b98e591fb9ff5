"""The sandbox as one web application: a path prefix per service."""

from __future__ import annotations

import time
from contextvars import ContextVar
from functools import cache
from typing import Any

from fastapi import FastAPI

from sandbox.asgi import App, Receive, Scope, Send
from sandbox.control import control, state_of
from sandbox.dates import Dated
from sandbox.faults import Faults
from sandbox.limits import Limiter
from sandbox.service import Service
from sandbox.traffic import Counting
from sandbox.world import World

SERVED: ContextVar[World] = ContextVar("served")
"""The world that the current request asks."""


def create_app(world: World) -> App:
    """Return the application that serves a world."""
    app = _routes(world.services)

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        SERVED.set(world)
        await app(scope, receive, send)

    answering = Counting(Limiter(Faults(serve, world.faults), world.limits), world.traffic)
    return Dated(answering, lambda: time.time() + world.seconds_ahead)


@cache
def _routes(services: tuple[Service[Any], ...]) -> FastAPI:
    """Return the routes of some services. All worlds share them, since building them takes long."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.include_router(control(services, SERVED.get))
    for service in services:
        for router in service.routers(state_of(service, SERVED.get)):
            app.include_router(router, prefix=service.prefix)
    return app
