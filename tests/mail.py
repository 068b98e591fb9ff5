"""Small mailing lists for tests, and what is stored of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from core import checkpoints
from core.database import Conn
from sandbox.community.mail import message_hash_of
from sandbox.hyperkitty.archive import Entry, MailList
from sandbox.world import World

BOOST = "boost@lists.boost.org"
USERS = "boost-users@lists.boost.org"
FIRST = datetime(2025, 6, 1, tzinfo=UTC)


def entry(number: int, **changes: Any) -> Entry:
    message_id = changes.pop("message_id", f"{number}@example.org")
    message_hash = message_hash_of(message_id)
    archived = FIRST + timedelta(hours=number)
    values: dict[str, Any] = {
        "message_id": message_id,
        "message_hash": message_hash,
        "thread_hash": message_hash,
        "parent_hash": None,
        "subject": f"Subject {number}",
        "sender_name": f"Writer {number % 7}",
        "sender_address": f"writer{number % 7}@example.org",
        "mailman_id": None,
        "date": archived - timedelta(minutes=1),
        "archived_at": archived,
        "text": f"Body {number}\n",
    }
    return Entry(**(values | changes))


def add_list(world: World, count: int, name: str = BOOST) -> MailList:
    mail_list = MailList(name, name.partition("@")[0].title())
    for number in range(count):
        mail_list.add(entry(number))
    return world.mail.add_list(mail_list)


def rows(conn: Conn, columns: str = "message_hash", where: str = "true") -> list[Any]:
    found = conn.execute(
        f"SELECT {columns} FROM mailing_list.message WHERE {where} ORDER BY message_id"
    ).fetchall()
    return [row[0] if len(row) == 1 else row for row in found]


def requests(world: World) -> list[str]:
    found = [line.split(f"/list/{BOOST}/")[-1] for line in world.traffic.recent]
    world.traffic.clear()
    return found


def state(conn: Conn) -> dict[str, Any]:
    return dict(checkpoints.read(conn, "mailing_list", BOOST, "index").extras)
