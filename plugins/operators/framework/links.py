"""Buttons on a task's page: where the data came from, and where they landed."""

from __future__ import annotations

from typing import Any, Protocol

from airflow.sdk import BaseOperatorLink


class LinkedTask(Protocol):
    """A task as far as its buttons need it."""

    source_url: str
    landed_url: str


class SourceLink(BaseOperatorLink):
    """Opens the source that was read."""

    name = "Source"

    def get_link(self, operator: LinkedTask, *, ti_key: Any) -> str:
        """Return the address; Airflow stores it when the task ends."""
        return operator.source_url


class LandedLink(BaseOperatorLink):
    """Opens the record of the run and the tables that it filled."""

    name = "Stored rows"

    def get_link(self, operator: LinkedTask, *, ti_key: Any) -> str:
        """Return the address; Airflow stores it when the task ends."""
        return operator.landed_url
