"""HyperKitty's JSON: the fields of its serializers, with links built from the request's host."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from sandbox.hyperkitty.archive import Attachment, Entry, MailList

Json = dict[str, Any]


def instant(moment: datetime) -> str:
    """Format an instant as Django REST framework does."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


class Links:
    """Absolute URLs below the archive's root."""

    def __init__(self, root: str) -> None:
        self.root = root.rstrip("/")

    def mail_list(self, name: str) -> str:
        """Return the URL of a list."""
        return f"{self.root}/api/list/{name}/"

    def email(self, name: str, message_hash: str) -> str:
        """Return the URL of a message."""
        return f"{self.root}/api/list/{name}/email/{message_hash}/"

    def thread(self, name: str, thread_hash: str) -> str:
        """Return the URL of a thread."""
        return f"{self.root}/api/list/{name}/thread/{thread_hash}/"

    def attachment(self, name: str, message_hash: str, counter: int, file: str) -> str:
        """Return the URL of an attachment."""
        return f"{self.root}/list/{name}/message/{message_hash}/attachment/{counter}/{quote(file)}"


def short(links: Links, mail_list: MailList, entry: Entry) -> Json:
    """Return a message as the index shows it."""
    name = mail_list.name
    sender_emails = f"{links.root}/api/sender/{entry.mailman_id}/emails/" if entry.mailman_id else None
    return {
        "url": links.email(name, entry.message_hash),
        "mailinglist": links.mail_list(name),
        "message_id": entry.message_id,
        "message_id_hash": entry.message_hash,
        "thread": links.thread(name, entry.thread_hash),
        "sender": {
            "address": entry.sender_address.replace("@", " (a) "),
            "mailman_id": entry.mailman_id,
            "emails": sender_emails,
        },
        "sender_name": entry.sender_name,
        "subject": entry.subject,
        "date": instant(entry.date),
        "parent": links.email(name, entry.parent_hash) if entry.parent_hash else None,
        "children": [links.email(name, h) for h in mail_list.children.get(entry.message_hash, ())],
    }


def full(links: Links, mail_list: MailList, entry: Entry) -> Json:
    """Return a message with its body, votes and attachments."""
    return {
        **short(links, mail_list, entry),
        "votes": {"likes": 0, "dislikes": 0, "status": "neutral"},
        "content": mail_list.content(entry),
        "attachments": [
            _attachment(links, mail_list, entry, counter, file)
            for counter, file in enumerate(entry.attachments, start=1)
        ],
    }


def _attachment(links: Links, mail_list: MailList, entry: Entry, counter: int, file: Attachment) -> Json:
    return {
        "email": links.email(mail_list.name, entry.message_hash),
        "counter": counter,
        "name": file.name,
        "content_type": file.content_type,
        "encoding": file.encoding,
        "size": file.size,
        "download": links.attachment(mail_list.name, entry.message_hash, counter, file.name),
    }


def described(links: Links, mail_list: MailList) -> Json:
    """Return a list as the API describes it."""
    url = links.mail_list(mail_list.name)
    return {
        "url": url,
        "name": mail_list.name,
        "display_name": mail_list.display_name,
        "description": mail_list.description,
        "subject_prefix": f"[{mail_list.display_name}] ",
        "archive_policy": "public",
        "created_at": instant(mail_list.created_at),
        "threads": f"{url}threads/",
        "emails": f"{url}emails/",
    }


def paged(url: str, count: int, offset: int, limit: int, results: list[Json]) -> Json:
    """Wrap a page as Django REST framework's LimitOffsetPagination does."""

    def link(to: int) -> str:
        return f"{url}?limit={limit}" + (f"&offset={to}" if to > 0 else "")

    return {
        "count": count,
        "next": link(offset + limit) if offset + limit < count else None,
        "previous": link(offset - limit) if offset > 0 else None,
        "results": results,
    }
