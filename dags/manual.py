"""DAGs that are only triggered manually: a sync of chosen sources, and a search."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import DAG

from core.retry import default_args
from operators.framework.trigger_form import option_params
from operators.pinecone_search import PineconeSearchOperator
from operators.pinecone_sync import ChoosePineconeSourcesOperator, PineconeSyncOperator
from trackers.pinecone.options import ManualSyncOptions, SearchOptions

COMMON: dict[str, Any] = {
    "start_date": datetime(2026, 1, 1, tzinfo=UTC),
    "catchup": False,
    "max_active_runs": 1,
    "is_paused_upon_creation": False,
    "default_args": default_args(),
}

SYNC_DOC = """
Brings chosen sources of the vector index up to date: declared sources by their app type, or any documents
function (`app_type`, `namespace` and `preprocessor` together; `docs/pinecone.md` describes its contract).

* **Full resync** compares every document with the ledger and uploads only what differs, so that there is no
  need to index everything again.
* **Dry run** shows what would be written.
* Clearing one source's task repeats only that source, and is always safe.
"""

SEARCH_DOC = """
Searches for a text by meaning (dense) and by words (sparse) and shows the best records in the task's log:
rank, score, rank in each index, namespace, title and address. Texts are not shown.
"""

with DAG(
    dag_id="manual_pinecone_sync",
    schedule=None,
    dag_display_name="Manual: Pinecone sync",
    description="Syncs chosen sources into the vector index",
    tags=["manual", "pinecone"],
    params=option_params(ManualSyncOptions, "pinecone"),
    doc_md=SYNC_DOC,
    **COMMON,
):
    chosen = ChoosePineconeSourcesOperator(task_id="choose_sources")
    PineconeSyncOperator.partial(
        task_id="pinecone_sync",
        pool="pinecone",
        required=True,
        map_index_template="{{ task.source['app_type'] }}",
    ).expand(source=chosen.output)

with DAG(
    dag_id="manual_search",
    schedule=None,
    dag_display_name="Manual: search",
    description="Searches the vector index",
    tags=["manual", "pinecone"],
    params=option_params(SearchOptions, "pinecone"),
    doc_md=SEARCH_DOC,
    **COMMON,
):
    PineconeSearchOperator(task_id="search")
