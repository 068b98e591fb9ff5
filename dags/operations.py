"""DAGs that look after the system."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.sdk import DAG, CronTriggerTimetable

from core.retry import default_args
from operators.framework.form import option_params
from operators.pinecone_audit import PineconeAuditOperator
from trackers.pinecone.options import AuditOptions

AUDIT_DOC = """
Compares the vector index with the ledger (`pinecone.ledger`): lists the ids of both indexes, page by page,
and reports per namespace what is missing and what nobody wrote. Then it reports, per source, how far it is
behind, what is to be tried again and what is dead (refused eight times).

* Differences **fail** the task. Run it with **repair** to have missing chunks uploaded and strays deleted.
* An index that another program filled: **fill the ledger** takes its records over, so that a full resync
  uploads only what differs.
"""

with DAG(
    dag_id="ops_pinecone_audit",
    dag_display_name="Operations: Pinecone audit",
    description="Does the vector index hold what was collected?",
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
