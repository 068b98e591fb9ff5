"""HyperKitty as a service of the sandbox. Its state is `world.mail`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from fastapi import APIRouter, HTTPException

from sandbox.community import Community
from sandbox.community.mail import LISTS, MailWriter, body_of
from sandbox.hyperkitty.api import HyperKitty
from sandbox.hyperkitty.archive import MailArchive, MailList
from sandbox.hyperkitty.export import Export
from sandbox.hyperkitty.pages import Pages
from sandbox.service import Connection, Service

PREFIX = "/hyperkitty/archives"


def routers(archive: Callable[[], MailArchive]) -> list[APIRouter]:
    """Return the routes of the API, the HTML pages and the exports."""
    return [HyperKitty(archive, PREFIX).router, Pages(archive, PREFIX).router, Export(archive).router]


def generate(archive: MailArchive, community: Community) -> None:
    """Add the community's lists with their first messages."""
    for name, (label, share) in LISTS.items():
        coming, body = iter(MailWriter(community.seed, name)), partial(body_of, community.seed)
        found = MailList(name, label, coming=coming, body_of=body)
        found.advance(max(1, round(community.size * share)))
        archive.add_list(found)


def pass_time(archive: MailArchive, amount: int) -> dict[str, int]:
    """Add about `amount` messages, spread over the lists."""
    arrived = [
        found.advance(max(1, round(amount * LISTS.get(name, ("", 1.0))[1])))
        for name, found in archive.lists.items()
    ]
    return {"messages": sum(arrived)}


def overview(archive: MailArchive) -> dict[str, Any]:
    """Count the messages of each list."""
    return {"mailing_lists": {name: len(found.entries) for name, found in archive.lists.items()}}


def control(archive: Callable[[], MailArchive]) -> APIRouter:
    """Return the route by which a test acts as a moderator."""
    router = APIRouter()

    @router.delete("/{list_name}/{message_hash}")
    def moderate(list_name: str, message_hash: str) -> dict[str, Any]:
        try:
            archive().lists[list_name].remove(message_hash)
        except KeyError:
            raise HTTPException(404, "no such message on this list") from None
        return {}

    return router


def connections(base: str) -> dict[str, Connection]:
    """Return the Connection to the archive."""
    return {"hyperkitty_boost": {"conn_type": "hyperkitty", "host": f"{base}{PREFIX}"}}


SERVICE = Service(
    name="mail",
    prefix=PREFIX,
    empty=MailArchive,
    routers=routers,
    connections=connections,
    generate=generate,
    pass_time=pass_time,
    overview=overview,
    control=control,
)
