"""Does the index hold what the ledger says? Ids are compared in the database, so memory stays flat."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog

from core.clock import Clock
from core.database import Conn
from core.errors import CollectorError, CollectorFailureCategory
from core.progress import Progress
from trackers.pinecone import inventory, store
from trackers.pinecone.contract import PineconeInstance, Target, split_ids
from trackers.pinecone.index import KINDS, Reader
from trackers.pinecone.record import SOURCE_IDS, TEXT_FIELD, Record, meta_hash, text_hash

log = structlog.get_logger("collector")
GRACE = timedelta(minutes=5)
"""Reads lag behind writes: what was written so recently may not be listed yet."""
Owner = Callable[[Mapping[str, Any]], str | None]
"""Tells by a record's metadata which app type it belongs to."""


class DriftFound(CollectorError):
    """Index and ledger differ, and nobody asked for a repair."""

    category = CollectorFailureCategory.VALIDATION


@dataclass(frozen=True)
class Findings:
    """How a namespace looks in the ledger and in the two indexes."""

    in_ledger: int
    in_dense: int
    in_sparse: int
    missing: int
    strays: int
    unconfirmed: int

    @property
    def drift(self) -> bool:
        """Whether index and ledger differ."""
        return bool(self.missing or self.strays or self.unconfirmed)

    def told(self) -> str:
        """Say it in one line."""
        return (
            f"{self.in_ledger:,} in the ledger, {self.in_dense:,} dense, {self.in_sparse:,} sparse; "
            f"{self.missing:,} missing, {self.strays:,} strays, {self.unconfirmed:,} unconfirmed"
        )


@dataclass
class Audit:
    """Compares one namespace."""

    conn: Conn
    index: Reader
    instance: str
    namespace: str
    progress: Progress
    clock: Clock

    def look(self) -> Findings:
        """List both indexes and compare."""
        if missing := self.index.missing():
            log.warning(f"{', '.join(missing)} did not exist and is empty now")
            store.doubt_instance(self.conn, self.instance)
        self.index.open()
        listed = inventory.Inventory(self.conn, self.instance, self.namespace)
        for kind in KINDS:
            for ids in self.index.ids(kind, self.namespace):
                listed.add(kind, ids)
                self.progress.count(f"listed_{kind}", len(ids))
                self.progress.advance(len(ids))
        self._listed = listed
        found = Findings(**listed.compare(self.clock.now() - GRACE))
        for name in ("in_ledger", "missing", "strays", "unconfirmed"):
            self.progress.count(name, getattr(found, name))
        return found

    def fill_ledger(self, owner: Owner) -> int:
        """Take over records that the index has and the ledger does not; return how many.

        Of a record that only one index has, nobody knows what to think: it counts as unconfirmed, so that
        the next full resync uploads it again or removes it.
        """
        taken = 0
        for page in self._listed.strays():
            stored = self.index.fetch("dense", self.namespace, [record_id for record_id, _ in page])
            rest = [record_id for record_id, _ in page if record_id not in stored]
            stored |= self.index.fetch("sparse", self.namespace, rest) if rest else {}
            both = dict(page)
            with self.conn.transaction():
                for app_type, records in _by_owner(stored, owner).items():
                    target = Target(app_type, self.namespace, PineconeInstance(self.instance))
                    store.adopt(
                        self.conn,
                        target,
                        [(record, doc_id, ids, both[record.id]) for record, doc_id, ids in records],
                        self.clock.now(),
                    )
                    taken += len(records)
        self.progress.count("taken_over", taken)
        return taken

    def repair(self) -> None:
        """Have what is missing uploaded by the next sync, and delete what nobody wrote."""
        now = self.clock.now()
        with self.conn.transaction():
            doubted = store.doubt_missing(self.conn, self.instance, self.namespace, now - GRACE, now)
        self.progress.count("to_upload_again", doubted)
        for page in self._listed.strays():
            ids = [record_id for record_id, _ in page]
            for kind in KINDS:
                self.index.delete(kind, self.namespace, ids)
            self.progress.count("strays_deleted", len(ids))


def _by_owner(
    stored: Mapping[str, Mapping[str, Any]], owner: Owner
) -> dict[str, list[tuple[Record, str, Sequence[str]]]]:
    found: dict[str, list[tuple[Record, str, Sequence[str]]]] = {}
    for record_id, fields in stored.items():
        metadata = {name: value for name, value in fields.items() if name != TEXT_FIELD}
        app_type = owner(metadata)
        doc_id = str(metadata.get("doc_id") or metadata.get("url") or "")
        if not app_type or not doc_id:
            continue
        text = str(fields.get(TEXT_FIELD, ""))
        record = Record(record_id, text, metadata, text_hash(text), meta_hash(metadata))
        found.setdefault(app_type, []).append((record, doc_id, split_ids(metadata.get(SOURCE_IDS))))
    return found
