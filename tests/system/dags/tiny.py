"""A chain of four tiny tasks, which shows how long Airflow takes from one task to the next."""

from __future__ import annotations

from airflow.sdk import DAG, task

with DAG("tiny_chain", schedule=None, catchup=False, is_paused_upon_creation=False) as dag:

    @task
    def tiny() -> int:
        return 1

    first = last = tiny()
    for _ in range(3):
        step = tiny()
        last >> step
        last = step
