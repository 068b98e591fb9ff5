"""What Airflow learns from the installed distribution: connection types of our own, with their forms."""

from __future__ import annotations

from typing import Any

from boost_provider.forms import CONNECTION_TYPES


def get_provider_info() -> dict[str, Any]:
    """Return what the entry point `apache_airflow_provider` promises."""
    return {
        "package-name": "boost-data-collector",
        "name": "Boost data collectors",
        "description": "Connections of the sources that the collectors read.",
        "connection-types": CONNECTION_TYPES,
    }
