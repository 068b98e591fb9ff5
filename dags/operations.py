"""DAGs that check and repair the system."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.sdk import DAG, CronTriggerTimetable

from core.retry import default_args
from operators.framework.trigger_form import option_params
from operators.pinecone_audit import PineconeAuditOperator
from trackers.pinecone.options import AuditOptions

AUDIT_DOC = """
Compares the vector index with the ledger (`pinecone.ledger`): lists the ids of both indexes, page by page,
and reports per namespace which records are missing and which are strays, that is, in the index but not in the
ledger. Then it reports, per source, its lag, what will be tried again and what is dead (refused eight times).

* Differences **fail** the task. Run it with **repair** to upload missing chunks and delete strays.
* If another program filled the index, **fill the ledger** adds its records to the ledger, so that a full
  resync uploads only what differs.
"""

with DAG(
    dag_id="ops_pinecone_audit",
    dag_display_name="Operations: Pinecone audit",
    description="Checks whether the vector index contains what was collected",
    schedule=CronTriggerTimetable("30 5 * * 0", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=True,
    tags=["operations", "pinecone"],
    params=option_params(AuditOptions, "pinecone"),
    doc_md=AUDIT_DOC,
    default_args=default_args(),
):
    PineconeAuditOperator(task_id="audit", pool="pinecone")
