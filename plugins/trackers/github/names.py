"""The names of owners and repositories on GitHub. Pure."""

from __future__ import annotations

import re

NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")


def safe_github_name(name: str) -> str:
    """Return `name` if it is a valid name of an owner or a repository, else raise ValueError."""
    if not NAME.fullmatch(name) or name in (".", ".."):
        raise ValueError(f"not a GitHub name: {name!r}")
    return name
