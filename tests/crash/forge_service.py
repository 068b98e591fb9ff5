"""A made-up service with limits per user, ETags per token and `Link` paging, for crash tests of all of these."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from fastapi import APIRouter, Request, Response

from sandbox.limits import identity_of
from sandbox.link_paging import link_header
from sandbox.service import Service
from sandbox.validators import conditional

PER_PAGE = 3


@dataclass
class Issue:
    """An issue; one that was removed is still listed, as removed."""

    number: int
    updated: str
    title: str
    text: str
    removed: bool = False


@dataclass
class Repository:
    """A repository: issues by number, and the names of its releases, the newest one last."""

    issues: dict[int, Issue] = field(default_factory=dict)
    releases: list[str] = field(default_factory=list)

    def put(self, number: int, updated: str, title: str, *, text: str = "", removed: bool = False) -> None:
        """Add or change an issue."""
        self.issues[number] = Issue(number, updated, title, text or f"Text of {title}.", removed)


Repositories = dict[str, Repository]


def routers(state: Callable[[], Repositories]) -> list[APIRouter]:
    router = APIRouter()

    @router.get("/me")
    def me(request: Request) -> Response:
        return Response(json.dumps({"login": identity_of(request.scope)}))

    @router.get("/repositories/{name}/issues")
    def issues(request: Request, name: str, since: str = "", page: int = 1) -> Response:
        found = sorted(state()[name].issues.values(), key=lambda issue: (issue.updated, issue.number))
        shown = [
            {"number": i.number, "updated": i.updated, "title": i.title, "removed": i.removed}
            for i in found
            if i.updated >= since
        ]
        return listed(request, shown, page)

    @router.get("/repositories/{name}/issues/{number}/text")
    def text(name: str, number: int) -> Response:
        return Response(json.dumps({"text": state()[name].issues[number].text}))

    @router.get("/repositories/{name}/releases")
    def releases(request: Request, name: str, page: int = 1) -> Response:
        found = [{"name": release} for release in reversed(state()[name].releases)]
        return listed(request, found, page)

    return [router]


def listed(request: Request, items: list[dict[str, object]], page: int) -> Response:
    """Answer with one page of a listing."""
    more = {"page": page + 1} if PER_PAGE * page < len(items) else None
    body = json.dumps(items[PER_PAGE * (page - 1) : PER_PAGE * page]).encode()
    return conditional(request, body, link_header(request, {"next": more}))


FORGE = Service[Repositories](
    name="forge", prefix="/forge", empty=dict, routers=routers, connections=lambda base: {}
)
