"""HyperKitty as a service of the sandbox. Its state is `world.mail`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from fastapi import APIRouter, HTTPException

from sandbox.community import Community
from sandbox.community.clock import messages_by
from sandbox.community.mail import MailingList, received
from sandbox.hyperkitty.api import HyperKitty
from sandbox.hyperkitty.archive import MailArchive, MailList
from sandbox.hyperkitty.export import Export
from sandbox.hyperkitty.pages import Pages
from sandbox.hyperkitty.writer import MailWriter, body_of
from sandbox.service import Connection, Service

PREFIX = "/hyperkitty/archives"


def routers(archive: Callable[[], MailArchive]) -> list[APIRouter]:
    """Return the routes of the API, the HTML pages and the exports."""
    return [HyperKitty(archive, PREFIX).router, Pages(archive, PREFIX).router, Export(archive).router]


def shows(community: Community) -> tuple[MailingList, ...]:
    """Return the mailing lists."""
    return community.mailing_lists


def advance(archive: MailArchive, community: Community, until: datetime) -> dict[str, int]:
    """Add the messages that have arrived; a list that a test has made gets none."""
    total, arrived = messages_by(until), 0
    for place in shows(community):
        found = archive.lists.get(place.name) or archive.add_list(_begun(community, place))
        arrived += found.advance(received(place.name, total))
    return {"messages": arrived}


def _begun(community: Community, place: MailingList) -> MailList:
    coming = iter(MailWriter(community.seed, place.name, community.people))
    return MailList(place.name, place.label, coming=coming, body_of=partial(body_of, community.seed))


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
    shows=shows,
    advance=advance,
    overview=overview,
    control=control,
)
