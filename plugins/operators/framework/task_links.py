"""The buttons on a task's page: to the source, and to the rows that were stored."""

from __future__ import annotations

from typing import Any, Protocol

from airflow.sdk import BaseOperatorLink


class LinkedTask(Protocol):
    """What the buttons need of a task."""

    source_url: str
    landed_url: str


class SourceLink(BaseOperatorLink):
    """Opens the source that was read."""

    name = "Source"

    def get_link(self, operator: LinkedTask, *, ti_key: Any) -> str:
        """Return the address; Airflow stores it when the task ends."""
        return operator.source_url


class LandedLink(BaseOperatorLink):
    """Opens the page of the run, with its record and the tables that it filled."""

    name = "Stored rows"

    def get_link(self, operator: LinkedTask, *, ti_key: Any) -> str:
        """Return the address; Airflow stores it when the task ends."""
        return operator.landed_url
