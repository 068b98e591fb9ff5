"""The operators that sync what the collectors stored into the vector index, one task per source."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import structlog
from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowSkipException

from core.documents import SourceSpec
from core.errors import CollectorError, safe_message
from core.options import resolve
from core.protocols import Collected, TrackerResult
from core.settings import Settings
from core.workspace import below, write_json
from hooks.pinecone_hook import PineconeHook
from operators.framework.recorded import RecordedOperator, task_try
from operators.sources import named, sources_of, specs_of
from trackers.pinecone.api import SyncOptions, Target, sync_to_pinecone
from trackers.pinecone.options import ManualSyncOptions, PineconeOptions
from trackers.pinecone.preprocessor import bound, load_preprocessor
from trackers.pinecone.result import SyncResult, as_mapping

if TYPE_CHECKING:
    from airflow.sdk import Context

RAN = ("success", "failed")
REPORTS = ("cppa_pinecone_sync", "reports")
log = structlog.get_logger("collector")


def hook_for(instance: str, settings: Settings) -> PineconeHook:
    """Return the hook of an instance."""
    return PineconeHook(f"pinecone_{instance}", settings=settings)


class SelectPineconeSourcesOperator(BaseOperator):
    """Selects the sources whose collector ran in this DAG run, whether it succeeded or failed.

    What a failed collector stored before it failed is indexed, too. A dry run stores nothing.

    :param collectors: command of each collector task of the group.
    """

    ui_color = "#eeeeee"

    def __init__(self, *, collectors: dict[str, str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.collectors = dict(collectors)

    def execute(self, context: Context) -> list[SourceSpec]:
        """Return the sources of the collectors that ran."""
        params = context.get("params") or {}
        if params.get("dry_run") or params.get("skip_pinecone"):
            log.info(f"no sync: {'dry_run' if params.get('dry_run') else 'skip_pinecone'} is set")
            return []
        ti: Any = context["ti"]
        ended = ti.get_task_breadcrumbs(ti.dag_id, ti.run_id)
        ran = {self.collectors[t["task_id"]] for t in ended if _ran(t, self.collectors)}
        settings = Settings.for_task()
        specs = specs_of(sources_of(ran), settings)
        log.info(f"to sync: {', '.join(s['app_type'] for s in specs) or 'nothing, no collector ran'}")
        return specs


def _ran(task: dict[str, Any], collectors: dict[str, str]) -> bool:
    return task["task_id"] in collectors and task["state"] in RAN


class ChoosePineconeSourcesOperator(BaseOperator):
    """Selects the sources that the trigger form names."""

    ui_color = "#eeeeee"

    def execute(self, context: Context) -> list[SourceSpec]:
        """Return the sources that the form names; log an error in the form as one line."""
        try:
            chosen = self._chosen(context)
        except CollectorError as error:
            log.error(safe_message(error))
            raise
        log.info(f"to sync: {', '.join(source['app_type'] for source in chosen)}")
        return chosen

    def _chosen(self, context: Context) -> list[SourceSpec]:
        settings = Settings.for_task()
        requested = resolve(ManualSyncOptions, "pinecone", context.get("params") or {}, (), settings)
        chosen = named(requested.sources, settings)
        if requested.preprocessor:
            load_preprocessor(requested.preprocessor)
            chosen.append(
                {
                    "app_type": requested.app_type,
                    "namespace": requested.namespace,
                    "instance": requested.instance,
                    "preprocessor": requested.preprocessor,
                    "arguments": {},
                }
            )
        return chosen


class PineconeSyncOperator(RecordedOperator[PineconeOptions, PineconeHook]):
    """Uploads what is new or changed, removes what no longer exists, and retries what failed before.

    :param source: the source to sync, set by task mapping.
    :param required: fail, rather than skip, if Pinecone is not configured.
    """

    command = "run_cppa_pinecone_sync"
    tracker = "pinecone"
    options_type = PineconeOptions

    def __init__(self, *, source: SourceSpec, required: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.required = required
        self._run_id = ""

    def skip_unless_due(self, context: Context) -> None:
        """Skip the task if Pinecone is not configured and not required."""
        self._run_id = task_try(context).run_id
        settings = Settings.for_task()
        if not self.required and not hook_for(self.source["instance"], settings).is_configured():
            name = f"pinecone_{self.source['instance']}"
            raise AirflowSkipException(
                f"Pinecone is not configured, so nothing is indexed: create Connection {name} (type "
                "Pinecone, API key as password, index_name) under Admin > Connections"
            )

    def recorded_options(self) -> dict[str, Any]:
        """Return the options, with the source that was synced."""
        return {"source": self.source["app_type"], **super().recorded_options()}

    def validate(self) -> None:
        """Check the preprocess function. The Connection is checked when there is something to write."""
        load_preprocessor(self.source["preprocessor"])

    def make_hook(self) -> PineconeHook:
        """Return the hook of the source's instance."""
        return hook_for(self.source["instance"], self.settings)

    def run_task(self) -> TrackerResult:
        """Sync the source, and write a report into the workspace."""
        started = self.clock.now()
        function = load_preprocessor(self.source["preprocessor"])
        result = sync_to_pinecone(
            self.session,
            self.hook,
            Target.of(self.source),
            bound(function, self.session.conn, self.source.get("arguments")),
            SyncOptions(
                full_resync=self.options.full_resync,
                dry_run=self.options.dry_run,
                delete_orphans=self.options.delete_orphans,
                max_documents=self.options.max_documents,
                run_id=self._run_id,
            ),
        )
        if result.failed_chunks:
            log.warning(
                f"{result.failed_chunks:,} chunks of {result.failed_count:,} source ids failed; they are in "
                "pinecone.failed_item and tried again by the next sync"
            )
        self._report(result, started)
        return Collected(counts=dict(self.session.progress.counts))

    def _report(self, result: SyncResult, started: datetime) -> None:
        """Write the result of the sync as a JSON file in the workspace."""
        name = (self._run_id or f"{started:%Y-%m-%dT%H-%M-%S}").replace("/", "_")[:180]
        facts = {"source": self.source, "started_at": started, "finished_at": self.clock.now()}
        segments: Sequence[str] = (*REPORTS, self.source["app_type"], f"{name}.json")
        write_json(below(self.settings.workspace_dir, *segments), {**facts, **as_mapping(result)})
