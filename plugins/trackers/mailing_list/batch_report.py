"""Counts and logs messages that are incomplete or unreadable, and fails a list that has too many of them."""

from __future__ import annotations

from core.errors import UnexpectedPayload
from core.session import UnitSession
from trackers.mailing_list.message_fetcher import MessageBatch

FEW_BAD, BAD_SHARE = 20, 0.05
"""A list fails when the unreadable messages exceed both this number and this share of the requested ones."""
NAMED_IN_LOG = 10


class BatchReport:
    """The report on one list in one run."""

    def __init__(self, session: UnitSession) -> None:
        self._progress, self._log, self._list_name = session.progress, session.log, session.name
        self.requested = self._bad = 0

    def add(self, batch: MessageBatch) -> None:
        """Report a batch, once it is stored."""
        progress = self._progress
        self._name_incomplete(batch)
        progress.count("removed_meanwhile", len(batch.removed))
        progress.count("too_large", len(batch.too_large))
        progress.count("without_hash", len(batch.without_hash))
        progress.count("unreadable", len(batch.failed))
        for message_hash in batch.too_large:
            self._log.warning(f"{message_hash}: larger than bdc_max_body_mb allows, left out")
        for payload in batch.without_hash:
            self._log.warning(f"{payload.key}: has no message_id_hash, stored only as raw payload")
        for message_hash, reason in batch.failed.items():
            self._log.warning(f"{message_hash}: {reason}; the next run requests it again")
        self.requested += batch.requested
        self._bad += len(batch.failed)
        if self._bad > max(FEW_BAD, self.requested * BAD_SHARE):
            raise UnexpectedPayload(
                f"{self._bad} of {self.requested} messages cannot be read; is this a HyperKitty archive?",
                source="HyperKitty",
                identifier=self._list_name,
            )

    def _name_incomplete(self, batch: MessageBatch) -> None:
        for message in batch.messages:
            if message.warnings:
                self._progress.count("incomplete")
                if self._progress.counts["incomplete"] <= NAMED_IN_LOG:
                    warnings = ", ".join(message.warnings)
                    self._log.warning(f"{message.message_hash}: {warnings}")
