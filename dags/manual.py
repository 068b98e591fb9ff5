"""DAGs started by hand: a sync of chosen sources, a search."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import DAG

from core.retry import default_args
from operators.framework.form import option_params
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
Brings chosen sources of the vector index up to date: registered ones by their app type, or any function that
makes documents (`app_type`, `namespace` and `preprocessor` together; its contract stands in
`docs/pinecone.md`).

* **Full resync** compares every document with the ledger and uploads only what differs: nobody needs to
  index everything again.
* **Dry run** shows what would be written.
* Clearing one source's task repeats that source only, and is always safe.
"""

SEARCH_DOC = """
Looks for a text by meaning (dense) and by words (sparse) at once and shows the best records in the log of the
task: place, score, place in each index, namespace, title and address. Texts are not shown.
"""

with DAG(
    dag_id="manual_pinecone_sync",
    schedule=None,
    dag_display_name="Manual: Pinecone sync",
    description="Chosen sources into the vector index",
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
    description="What the vector index answers to a question",
    tags=["manual", "pinecone"],
    params=option_params(SearchOptions, "pinecone"),
    doc_md=SEARCH_DOC,
    **COMMON,
):
    PineconeSearchOperator(task_id="search")
