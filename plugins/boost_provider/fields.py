"""Fields that several forms share."""

from __future__ import annotations

from typing import Any


def text(label: str, description: str) -> dict[str, Any]:
    """Return an optional text field of a form."""
    return {"label": label, "description": description, "schema": {"type": ["string", "null"]}}
