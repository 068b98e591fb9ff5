"""Collects the mailing lists."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow.sdk import ObjectStoragePath

from core.protocols import TrackerResult
from hooks.mailing_list_hook import MailingListHook
from operators.collector import CollectorOperator
from trackers.mailing_list.collect import collect
from trackers.mailing_list.options import MailingListOptions
from trackers.mailing_list.plan import plan
from trackers.mailing_list.reprocess import reprocess


class MailingListCollector(CollectorOperator):
    """Every list's index and messages, into `mailing_list.message` and the senders' profiles."""

    command = "run_boost_mailing_list_tracker"
    tracker = "mailing_list"
    options_type = MailingListOptions
    tables = ("mailing_list.message", "identity.mailing_list_profile", "identity.email")
    options: MailingListOptions
    hook: MailingListHook | None

    def validate(self) -> None:
        """Check the lists asked for and the Connection; reprocessing needs none."""
        self.options.require_known(self.settings.mailing_list_names)
        if not self.options.reprocess:
            self.hook = MailingListHook(
                clock=self.clock,
                in_flight=self.settings.requests_in_flight,
                max_body_bytes=self.settings.max_body_mb * 1024 * 1024,
            )
            only = self.options.list_names[0] if len(self.options.list_names) == 1 else ""
            self.source_url = self.hook.archive_url(only)

    def collect(self) -> TrackerResult:
        """Collect every list."""
        session = self.session
        return collect(
            self._archive(), session.conn, self.options, session.progress, self.clock, self._drop_in()
        )

    def plan(self) -> TrackerResult:
        """Ask for the newest page of each list."""
        session = self.session
        return plan(self._archive(), session.conn, self.options, session.progress, self.clock)

    def reprocess(self) -> TrackerResult:
        """Rebuild messages and senders from what was received."""
        return reprocess(self.session.conn, self.options, self.session.progress, self.clock)

    def lock_scopes(self) -> tuple[str, ...]:
        """One writer per list."""
        return self.options.list_names

    def _drop_in(self) -> Any:
        """Return the folder of files that people hand in, on this machine or in an object store."""
        said = self.settings.mailing_list_drop_in
        if "://" in said:
            return ObjectStoragePath(said)
        return Path(said) if said else self.settings.workspace_dir / "boost_mailing_list_tracker"

    def _archive(self) -> MailingListHook:
        if self.hook is None:
            raise RuntimeError("validate() makes the hook")
        return self.hook
