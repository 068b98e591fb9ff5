"""Removes secrets and e-mail addresses from text that is logged or stored."""

from __future__ import annotations

import re

MASK = "***"
ADDRESS = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")
USERINFO = re.compile(r"(?<=//)[^/@\s]+@")
QUERY_SECRET = re.compile(r"(?i)\b(key|token|api_key|access_token|password|secret)=[^&\s]+")


def redact(text: str, secrets: tuple[str, ...] = ()) -> str:
    """Return the text without the given secrets, userinfo in URLs and secret query values."""
    for secret in secrets:
        if len(secret) >= 4:
            text = text.replace(secret, MASK)
    text = USERINFO.sub(f"{MASK}@", text)
    return QUERY_SECRET.sub(lambda m: f"{m.group(1)}={MASK}", text)


def redact_addresses(text: str, keep: frozenset[str] = frozenset()) -> str:
    """Return the text without e-mail addresses, except those in `keep` (list addresses are public)."""
    return ADDRESS.sub(lambda m: m.group(0) if m.group(0) in keep else MASK, text)


def without_userinfo(url: str) -> str:
    """Return the address without user name and password, so that it can be shown."""
    return USERINFO.sub("", url)
