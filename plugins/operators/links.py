"""Buttons on a task's page: where the data came from, and where they landed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from operators.recorded import RecordedOperator


class SourceLink(BaseOperatorLink):
    """Opens the source that was read."""

    name = "Source"

    def get_link(self, operator: RecordedOperator, *, ti_key: Any) -> str:
        """Return the address; Airflow stores it when the task ends."""
        return operator.source_url


class LandedLink(BaseOperatorLink):
    """Opens the record of the run and the tables that it filled."""

    name = "Stored rows"

    def get_link(self, operator: RecordedOperator, *, ti_key: Any) -> str:
        """Return the address; Airflow stores it when the task ends."""
        return operator.landed_url
