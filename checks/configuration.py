"""Writes docs/configuration.md and .env.example from the settings in the code, so that both stay complete."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from boost_provider import connections
from core.settings import ROOT as CODE
from core.settings import Setting, declared_settings

ROOT = Path(__file__).resolve().parent.parent
PAGE, SAMPLE = ROOT / "docs" / "configuration.md", ROOT / ".env.example"

LAUNCHER = (
    ("BDC_PORT", "8080", "Port of the Airflow UI on 127.0.0.1"),
    ("BDC_SANDBOX_PORT", "8181", "Port of the sandbox on 127.0.0.1"),
    (
        "BDC_STATE_DIR",
        "",
        "Folder that a running system writes to; default: .state in the clone, for root below /var/tmp",
    ),
    ("BDC_DEMO_MESSAGES", "1200", "Number of messages on the demo's mailing lists"),
    ("BDC_EXIT_WHEN_DONE", "", "If set, `make demo` ends after collecting once"),
)
"""Environment variables that only `make` reads."""
CONNECTIONS = (("bdc_postgres", "Postgres", "The database for collected data"), *connections())
HEAD = """# Configuration

Written by `make docs` from the settings in the code; a test checks that it is current.

Secrets belong in Connections (Admin > Connections, or `AIRFLOW_CONN_<ID>` as JSON or URI, or a secrets
backend). Every other setting is read from the Airflow Variable `bdc_<name>` if the table names one, else
from the environment, else it has its default; blank means "not set". `make config-check` shows each value
and its origin.
"""
SAMPLE_HEAD = """# Copy to .env for `make up`. Every line is optional; blank means "not set".
# Written by `make docs`; docs/configuration.md explains it; `make config-check` shows values and origins.
"""


def page() -> str:
    """Return the text of docs/configuration.md."""
    parts = [HEAD, "\n## Connections\n\n| Id | Type | Holds |\n|---|---|---|\n"]
    parts += [f"| `{name}` | {kind} | {doc} |\n" for name, kind, doc in CONNECTIONS]
    parts.append("\n## Read by `make` only\n\n| Environment | Default | Meaning |\n|---|---|---|\n")
    parts += [f"| `{name}` | {_code(default)} | {doc} |\n" for name, default, doc in LAUNCHER]
    for section, settings in sections().items():
        parts.append(f"\n## {section}\n\n| Variable | Environment | Default | Meaning |\n|---|---|---|---|\n")
        parts += [_row(name, setting) for name, setting in settings.items()]
    return "".join(parts)


def _row(name: str, setting: Setting[Any]) -> str:
    variable = f"`bdc_{name}`" if setting.variable else "–"
    environment = ", ".join(f"`{one}`" for one in setting.env) or "–"
    return f"| {variable} | {environment} | {_code(_shown(setting))} | {setting.doc} |\n"


def sample() -> str:
    """Return the text of .env.example."""
    lines = [SAMPLE_HEAD, "\n# -- make\n"]
    lines += [f"# {doc}\n#{name}={default}\n" for name, default, doc in LAUNCHER]
    for section, settings in sections().items():
        lines.append(f"\n# -- {section.lower()}\n")
        for setting in settings.values():
            lines += [f"# {setting.doc}\n#{setting.env[0]}={_shown(setting)}\n"] if setting.env else []
    lines.append("\n# -- connections: any Airflow Connection can be set here, as JSON or URI\n")
    lines += [
        f"# {doc}\n#AIRFLOW_CONN_{name.upper()}=\n" for name, _, doc in CONNECTIONS if name != "bdc_postgres"
    ]
    return "".join(lines)


def sections() -> dict[str, dict[str, Setting[Any]]]:
    """Return the settings by section, shared settings first."""
    found: dict[str, dict[str, Setting[Any]]] = {}
    for name, setting in declared_settings().items():
        found.setdefault(setting.section, {})[name] = setting
    return found


def _shown(setting: Setting[Any]) -> str:
    """Return a default as a person would write it in .env."""
    value = setting.default
    if isinstance(value, tuple):
        return ",".join(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Path):
        return str(value.relative_to(CODE))
    return str(value)


def _code(text: str) -> str:
    return f"`{text}`" if text else "–"


def main() -> int:
    """Write both files."""
    PAGE.write_text(page(), encoding="utf-8")
    SAMPLE.write_text(sample(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
