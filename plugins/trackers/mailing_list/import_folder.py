"""Imports JSON files from a list's folder, and moves completely imported files to another one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from core.errors import UnexpectedPayload
from core.raw import RawItem
from core.session import UnitSession
from trackers.mailing_list import store
from trackers.mailing_list.import_records import UnusableRecord, message_of, records
from trackers.mailing_list.parse import Message

INBOX, DONE = "messages", "messages_done"


class Folder(Protocol):
    """A path, on this machine or in an object store."""

    @property
    def name(self) -> str:
        """The last part of the path."""

    @property
    def parent(self) -> Any:
        """The folder that contains it."""

    def __truediv__(self, part: str) -> Any:
        """Return the path of an entry of this folder."""

    def is_dir(self) -> bool:
        """Return whether the path is a folder that exists."""

    def rglob(self, pattern: str) -> Iterable[Any]:
        """Return the matching paths at any depth below this folder."""


def import_files(session: UnitSession, root: Folder, allowed: tuple[str, ...]) -> None:
    """Import the files of a list's folder; raise at the end if some could not be imported completely."""
    list_name = session.name
    inbox = root / list_name / INBOX
    if not inbox.is_dir():
        return
    kept = []
    for file in _files(inbox):
        where = str(file)[len(str(inbox)) :].lstrip("/")
        try:
            problems = _import_file(session, file, list_name, allowed)
        except ValueError as error:
            problems = [f"not JSON ({error})"]
        if problems:
            kept.append(f"{where}: {'; '.join(problems[:3])}")
            session.log.warning(f"{kept[-1]}; the file is kept")
            continue
        target = root / list_name / DONE / where
        target.parent.mkdir(parents=True, exist_ok=True)
        file.rename(target)
        session.progress.count("files_imported")
    if kept:
        raise UnexpectedPayload(
            f"{len(kept)} files could not be imported completely, the rest is stored: {'; '.join(kept[:5])}; "
            "correct the files, or move them away",
            source="import folder",
            identifier=list_name,
        )


def _files(inbox: Any) -> Iterator[Any]:
    for file in sorted(inbox.rglob("*.json"), key=str):
        if not file.name.startswith(".") and file.is_file():
            yield file


def _import_file(session: UnitSession, file: Any, folder: str, allowed: tuple[str, ...]) -> list[str]:
    """Store the records of a file that are not stored yet; return the problems of unusable ones."""
    problems: list[str] = []
    found: dict[tuple[str, str], tuple[Message, RawItem]] = {}
    conn, now = session.conn, session.clock.now()
    for number, record in enumerate(records(json.loads(file.read_text(encoding="utf-8"))), start=1):
        try:
            message = message_of(record, folder)
            if message.list_name not in allowed:
                raise UnusableRecord(f"list {message.list_name!r} is not one of {', '.join(allowed)}")
        except UnusableRecord as error:
            problems.append(f"record {number}: {error}")
            continue
        key = store.raw_key(message.list_name, message.message_hash)
        body = json.dumps({**record, "list_name": message.list_name}, sort_keys=True).encode()
        found[message.list_name, message.message_hash] = message, RawItem(key, body, now)
    for list_name in sorted({name for name, _ in found}):
        hashes = [h for name, h in found if name == list_name]
        known = store.find_known(conn, list_name, hashes)
        new = [found[list_name, h] for h in hashes if h not in known]
        with conn.transaction():
            stored = store.save_imported(conn, new, now)
        session.progress.count("imported", stored)
        session.progress.count("known", len(known))
    return problems
