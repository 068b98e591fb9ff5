"""Airflow's own secrets: generated at the first start, shared by all components and kept for later starts."""

from __future__ import annotations

import base64
import json
import os
import secrets
from pathlib import Path

USER = "admin"


def _stored(file: Path, fresh: dict[str, str]) -> dict[str, str]:
    """Return the content of the file; create it from `fresh` if missing, readable only by its owner."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as target:
            json.dump(fresh, target)
    found: dict[str, str] = json.loads(file.read_text())
    return found


def password_file(state: Path) -> Path:
    """Return the file from which Airflow's simple auth manager reads passwords."""
    return state / "passwords.json"


def password(state: Path) -> str:
    """Return the password of the only user, `admin`."""
    return _stored(password_file(state), {USER: secrets.token_urlsafe(9)})[USER]


def shared_secrets(state: Path) -> dict[str, str]:
    """Return the keys that all components must share, as environment variables."""
    return _stored(
        state / "secrets.json",
        {
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(48),
            "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(48),
            "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(os.urandom(32)).decode(),
        },
    )
