"""Airflow's own secrets: made up at the first start, the same for all components and all later starts."""

from __future__ import annotations

import base64
import json
import os
import secrets
from pathlib import Path

USER = "admin"


def _stored(file: Path, fresh: dict[str, str]) -> dict[str, str]:
    """Return what the file holds; write it first if there is none. Only its owner may read it."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as target:
            json.dump(fresh, target)
    found: dict[str, str] = json.loads(file.read_text())
    return found


def password_file(state: Path) -> Path:
    """Return where Airflow's simple auth manager looks for passwords."""
    return state / "passwords.json"


def password(state: Path) -> str:
    """Return the password of the one user."""
    return _stored(password_file(state), {USER: secrets.token_urlsafe(9)})[USER]


def shared_secrets(state: Path) -> dict[str, str]:
    """Return the keys that all components must agree on, as environment variables."""
    return _stored(
        state / "secrets.json",
        {
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(48),
            "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(48),
            "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(os.urandom(32)).decode(),
        },
    )
