"""The sandbox as one web application: a path prefix per service."""

from __future__ import annotations

from fastapi import FastAPI

from sandbox.asgi import App
from sandbox.control import control
from sandbox.faults import Faults
from sandbox.hyperkitty.api import HyperKitty
from sandbox.hyperkitty.export import Export
from sandbox.hyperkitty.pages import Pages
from sandbox.limiter import Limiter
from sandbox.pinecone.control_plane import control_plane
from sandbox.pinecone.data_plane import DataPlane
from sandbox.traffic import Counting
from sandbox.world import World

HYPERKITTY = "/hyperkitty/archives"
PINECONE = "/pinecone"


def create_app(world: World) -> App:
    """Return the application that answers for a world."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)

    app.include_router(control(world))
    app.include_router(HyperKitty(lambda: world.mail, HYPERKITTY).router, prefix=HYPERKITTY)
    app.include_router(Pages(lambda: world.mail, HYPERKITTY).router, prefix=HYPERKITTY)
    app.include_router(Export(lambda: world.mail).router, prefix=HYPERKITTY)
    app.include_router(control_plane(lambda: world.pinecone, PINECONE), prefix=PINECONE)
    app.include_router(DataPlane(lambda: world.pinecone).router, prefix=PINECONE)
    return Counting(Limiter(Faults(app, world.faults), world.limits), world.traffic)
