"""Compares the indexes with the ledger. Ids are compared in the database, so memory use stays constant."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog

from core.documents import PineconeInstance
from core.errors import CollectorError, CollectorFailureCategory
from core.session import UnitSession
from trackers.pinecone import store
from trackers.pinecone.index import KINDS, Reader
from trackers.pinecone.inventory import Findings, Inventory
from trackers.pinecone.read_documents import split_ids
from trackers.pinecone.record import SOURCE_IDS, TEXT_FIELD, Record, is_cut, meta_hash, text_hash
from trackers.pinecone.target import Target

log = structlog.get_logger("collector")
GRACE = timedelta(minutes=5)
"""Reads lag behind writes, so records that were written more recently may not be listed yet."""
Owner = Callable[[Mapping[str, Any]], str | None]
"""Returns the app type that a record belongs to, by its metadata."""


class DriftFound(CollectorError):
    """Index and ledger differ, and no repair was requested."""

    category = CollectorFailureCategory.VALIDATION


@dataclass
class Audit:
    """Compares and repairs one namespace."""

    session: UnitSession
    index: Reader
    instance: str
    namespace: str

    def look(self) -> Findings:
        """List both indexes and compare them with the ledger."""
        if missing := self.index.missing():
            log.warning(f"{', '.join(missing)} did not exist and will be created empty")
            store.doubt_instance(self.session.conn, self.instance)
        self.index.open()
        listed = Inventory(self.session.conn, self.instance, self.namespace)
        for kind in KINDS:
            for ids in self.index.ids(kind, self.namespace):
                listed.add(kind, ids)
                self.session.progress.count(f"listed_{kind}", len(ids))
                self.session.progress.advance(len(ids))
        self._listed = listed
        found = listed.compare(self.session.clock.now() - GRACE)
        for name in ("in_ledger", "missing", "strays", "unconfirmed"):
            self.session.progress.count(name, getattr(found, name))
        return found

    def fill_ledger(self, owner: Owner) -> int:
        """Add records to the ledger that only the indexes have; return how many.

        A record that only one of the two indexes has, or whose list of source ids was cut, is added as
        unconfirmed, so that the next full resync uploads it again or removes it.
        """
        adopted = 0
        for page in self._listed.strays():
            stored = self.index.fetch("dense", self.namespace, [record_id for record_id, _ in page])
            rest = [record_id for record_id, _ in page if record_id not in stored]
            stored |= self.index.fetch("sparse", self.namespace, rest) if rest else {}
            both = dict(page)
            with self.session.conn.transaction():
                for app_type, records in _by_owner(stored, owner).items():
                    target = Target(app_type, self.namespace, PineconeInstance(self.instance))
                    store.adopt(
                        self.session.conn,
                        target,
                        [
                            (record, doc_id, ids, both[record.id] and not is_cut(ids))
                            for record, doc_id, ids in records
                        ],
                        self.session.clock.now(),
                    )
                    adopted += len(records)
        self.session.progress.count("taken_over", adopted)
        return adopted

    def repair(self) -> None:
        """Mark missing records so that the next sync uploads them, and delete strays."""
        now = self.session.clock.now()
        with self.session.conn.transaction():
            doubted = store.doubt_missing(self.session.conn, self.instance, self.namespace, now - GRACE, now)
        self.session.progress.count("to_upload_again", doubted)
        for page in self._listed.strays():
            ids = [record_id for record_id, _ in page]
            for kind in KINDS:
                self.index.delete(kind, self.namespace, ids)
            self.session.progress.count("strays_deleted", len(ids))


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
