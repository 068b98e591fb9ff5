"""The Airflow provider of the installed distribution: our connection types, with their forms.

Every `<source>_connection_form.py` declares one: `CONNECTION_TYPE` in Airflow's format; `CONNECTIONS`, pairs
of a connection id and one line that says what the Connection contains; and `DEFAULT` (`conn_id` and `host`)
if the source has a public address that needs no account. The hooks are in `hooks`, in the plugins folder. The
wheel contains only this package, so it imports nothing else of ours.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from types import ModuleType
from typing import Any


def get_provider_info() -> dict[str, Any]:
    """Return the provider's description, for the entry point `apache_airflow_provider`."""
    return {
        "package-name": "boost-data-collector",
        "name": "Boost data collectors",
        "description": "Connections of the sources that the collectors read.",
        "connection-types": [form.CONNECTION_TYPE for form in _forms()],
    }


def connections() -> list[tuple[str, str, str]]:
    """Return each Connection that the collectors use: its id, its type as the form shows it, its contents."""
    return [
        (conn_id, form.CONNECTION_TYPE["hook-name"], doc)
        for form in _forms()
        for conn_id, doc in form.CONNECTIONS
    ]


def defaults() -> dict[str, dict[str, str]]:
    """Return type and host of the Connections that need no account, by id."""
    return {
        form.DEFAULT["conn_id"]: {
            "conn_type": form.CONNECTION_TYPE["connection-type"],
            "host": form.DEFAULT["host"],
        }
        for form in _forms()
        if hasattr(form, "DEFAULT")
    }


def _forms() -> list[ModuleType]:
    names = sorted(
        found.name for found in pkgutil.iter_modules(__path__) if found.name.endswith("_connection_form")
    )
    return [import_module(f"{__name__}.{name}") for name in names]
