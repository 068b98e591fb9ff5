"""A collector of the made-up service, which uses what core offers to a source with limits, streams and files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from core import export, raw
from core.budget import Limits
from core.clock import Clock
from core.database import Conn
from core.errors import CollectorError
from core.export import File
from core.http_cache import Validators
from core.listing import ByCursor, ByKey, Item, Page, Position
from core.raw import RawItem
from core.session import Session, UnitSession
from core.stream import Stream
from core.units import collect_units
from hooks.api import ApiClient, Call
from hooks.source_hook import SourceHook
from tests.crash.forge_service import PER_PAGE

SOURCE = "forge"
LIMITS = {
    "core": Limits(
        in_flight=2,
        has_quota=True,
        reserve=2,
        block=5,
        slots_each=2,
        lease=0.3,
        longest_request=0.3,
        skew=0.0,
    )
}
"""Leases expire soon, because the next run may have to wait for those of a process that was killed."""


class ForgeHook(SourceHook):
    """Pages through the issues and releases of repositories."""

    limits: ClassVar[Mapping[str, Limits]] = LIMITS
    conn_name_attr = "forge_conn_id"
    default_conn_name = "forge_api"
    conn_type = "forge"
    hook_name = "Forge"
    example_host = "https://forge.example.org"

    def __init__(self, forge_conn_id: str = default_conn_name, *, clock: Clock) -> None:
        super().__init__(forge_conn_id, clock=clock, in_flight=2)

    def owner_of(self, token: str) -> str:
        client = ApiClient(self.base_url(), {"Authorization": f"Bearer {token}"}, self._clock)
        try:
            login: str = client.get_json("/me")["login"]
        finally:
            client.close()
        return login

    def issues(self, repository: str, at: Position, known: Validators) -> Page:
        """Fetch a page of the issues that changed at a time or later, in this order."""
        return self._page(f"/repositories/{repository}/issues", {"since": at.since}, at, known)

    def releases(self, repository: str, at: Position, known: Validators) -> Page:
        """Fetch a page of the releases, the newest one first."""
        return self._page(f"/repositories/{repository}/releases", {}, at, known)

    def texts(self, repository: str, numbers: Iterable[int]) -> list[str]:
        """Fetch the texts of issues."""
        calls = [Call("GET", f"/repositories/{repository}/issues/{number}/text") for number in numbers]
        found = []
        for _, outcome in self.client().in_order(calls):
            if isinstance(outcome, CollectorError):
                raise outcome
            found.append(outcome.json()["text"])
        return found

    def _page(self, path: str, params: Mapping[str, str], at: Position, known: Validators) -> Page:
        call = Call("GET", at.link or path, () if at.link else tuple(params.items()), validators=known)
        response = self.client().send(call)
        return response.page([] if response.not_modified else response.json())


def collect(session: Session, hook: ForgeHook, names: Sequence[str], folder: Path) -> None:
    """Collect what changed in repositories, and write it as files."""

    def work(unit: UnitSession) -> None:
        _Repository(unit, hook).collect()
        export.write_marked(
            unit, SOURCE, folder / unit.name, lambda conn, keys: render(conn, unit.name, keys)
        )

    collect_units(session, names, work, noun="repositories")


class _Repository:
    def __init__(self, unit: UnitSession, hook: ForgeHook) -> None:
        self._unit, self._hook, self._name = unit, hook, unit.name

    def collect(self) -> None:
        hook, name = self._hook, self._name
        issues = ByKey(lambda at, known: hook.issues(name, at, known), _updated, _number, PER_PAGE)
        releases = ByCursor(lambda at, known: hook.releases(name, at, known), lambda item: "")
        for stream, listing in {"issues": issues, "releases": releases}.items():
            self._read(Stream(self._unit, SOURCE, stream, listing))

    def _read(self, stream: Stream) -> None:
        conn, now = self._unit.conn, self._unit.clock.now()
        for page in stream.pages():
            found = dict(self._rows(stream.name, page.items))
            bodies = {key: json.dumps(row, sort_keys=True).encode() for key, row in found.items()}
            with conn.transaction():
                rows = (RawItem(f"{self._name}/{key}", body, now) for key, body in bodies.items())
                raw.save(conn, SOURCE, "item", rows)
                export.mark(conn, SOURCE, self._name, bodies)
                stream.save(page)

    def _rows(self, stream: str, items: Sequence[Item]) -> Iterable[tuple[str, Mapping[str, Any]]]:
        """Return the items by key; an issue gets its text."""
        if stream == "releases":
            return [(f"release/{item['name']}", item) for item in items]
        texts = self._hook.texts(self._name, [item["number"] for item in items])
        return [
            (f"issue/{item['number']}", {**item, "text": t}) for item, t in zip(items, texts, strict=True)
        ]


def render(conn: Conn, repository: str, keys: Sequence[str]) -> Mapping[str, File | CollectorError]:
    """Return the files of issues and releases; a removed issue has none."""
    found = {}
    for item in raw.read(conn, SOURCE, "item", [f"{repository}/{key}" for key in keys]):
        kind, _, key = item.key.removeprefix(f"{repository}/").partition("/")
        row = json.loads(item.body)
        if kind == "release":
            found[f"release/{key}"] = File(f"releases/{key}.md", f"# {key}\n")
        elif not row["removed"]:
            found[f"issue/{key}"] = File(f"issues/{row['title']}.md", f"# {row['title']}\n\n{row['text']}\n")
    return found


def _updated(item: Item) -> str:
    return str(item["updated"])


def _number(item: Item) -> str:
    return str(item["number"])
