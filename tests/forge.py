"""A small made-up service with validators, links and costs, on which limits are tried."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Request, Response

from sandbox.link_paging import link_header
from sandbox.service import Service
from sandbox.validators import conditional

NOTES = tuple(range(7))


def routers(state: Callable[[], list[int]]) -> list[APIRouter]:
    router = APIRouter()

    @router.get("/notes")
    def notes(request: Request) -> Response:
        page = int(request.query_params.get("page", 1))
        body = str(NOTES[3 * (page - 1) : 3 * page]).encode()
        more = {"page": page + 1} if 3 * page < len(NOTES) else None
        return conditional(request, body, link_header(request, {"next": more, "first": {"page": 1}}))

    @router.post("/search")
    def search() -> Response:
        return Response("{}", media_type="application/json", headers={"X-Sandbox-Cost": "7"})

    return [router]


FORGE = Service[list[int]](
    name="forge", prefix="/forge", empty=list, routers=routers, connections=lambda base: {}
)
