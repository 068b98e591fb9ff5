"""A small made-up service with validators, links and costs, on which limits are tried.

Its state holds the tokens that are revoked.
"""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Request, Response

from sandbox.limits import identity_of
from sandbox.link_paging import link_header
from sandbox.service import Service
from sandbox.validators import conditional

NOTES = tuple(range(7))


def routers(state: Callable[[], set[str]]) -> list[APIRouter]:
    router = APIRouter()

    def refused(request: Request) -> Response | None:
        token = request.headers.get("Authorization", "").rpartition(" ")[2]
        return Response('{"message": "Bad credentials"}', 401) if token in state() else None

    @router.get("/me")
    def me(request: Request) -> Response:
        return refused(request) or Response(f'{{"login": "{identity_of(request.scope)}"}}')

    @router.get("/notes")
    def notes(request: Request) -> Response:
        if (answer := refused(request)) is not None:
            return answer
        page = int(request.query_params.get("page", 1))
        body = str(NOTES[3 * (page - 1) : 3 * page]).encode()
        more = {"page": page + 1} if 3 * page < len(NOTES) else None
        return conditional(request, body, link_header(request, {"next": more, "first": {"page": 1}}))

    @router.get("/channels/{channel}/notes")
    def notes_of_channel(channel: int) -> Response:
        return Response("[]", media_type="application/json")

    @router.post("/search")
    def search() -> Response:
        return Response("{}", media_type="application/json", headers={"X-Sandbox-Cost": "7"})

    return [router]


FORGE = Service[set[str]](
    name="forge", prefix="/forge", empty=set, routers=routers, connections=lambda base: {}
)
