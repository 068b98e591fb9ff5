"""The operator that collects the mailing lists."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow.sdk import ObjectStoragePath

from core.documents import DocumentSource
from core.protocols import TrackerResult
from hooks.mailing_list_hook import MailingListHook
from operators.collector import CollectorOperator
from trackers.mailing_list import tables
from trackers.mailing_list.collect import collect
from trackers.mailing_list.documents import documents
from trackers.mailing_list.estimate import estimate
from trackers.mailing_list.options import MailingListOptions
from trackers.mailing_list.reprocess import reprocess
from trackers.mailing_list.settings import MailingListSettings


class MailingListCollectorOperator(CollectorOperator[MailingListOptions, MailingListHook]):
    """Collects every list's index and messages into `mailing_list.message` and the senders' profiles."""

    command = "run_boost_mailing_list_tracker"
    tracker = "mailing_list"
    options_type = MailingListOptions
    settings_group = MailingListSettings
    hook_type = MailingListHook
    tables = (tables.message,)
    locks_units = True
    documents = (
        DocumentSource(
            documents,
            app_type=MailingListSettings.pinecone_app_type,
            namespace=MailingListSettings.pinecone_namespace,
        ),
    )

    def validate(self) -> None:
        """Check the requested lists and, unless the run only reprocesses, the Connection."""
        self.options.require_known(self.settings.of(MailingListSettings).names)
        if not self.options.reprocess:
            only = self.options.list_names[0] if len(self.options.list_names) == 1 else ""
            self.source_url = self.hook.archive_url(only)

    def collect(self) -> TrackerResult:
        """Collect every requested list."""
        return collect(self.session, self.hook, self.options, self._import_folder())

    def estimate(self) -> TrackerResult:
        """Estimate a run from the newest page of each list."""
        return estimate(self.session, self.hook, self.options)

    def reprocess(self) -> TrackerResult:
        """Rebuild messages and senders from the raw payloads."""
        return reprocess(self.session, self.options)

    def _import_folder(self) -> Any:
        """Return the folder of files to import, on this machine or in an object store."""
        folder = self.settings.of(MailingListSettings).import_folder
        if "://" in folder:
            return ObjectStoragePath(folder)
        return Path(folder) if folder else self.settings.workspace_dir / "boost_mailing_list_tracker"
