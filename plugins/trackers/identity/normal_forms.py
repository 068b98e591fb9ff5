"""Normal forms by which e-mail addresses and names are compared. Pure.

They are cached because most payloads are of people who write many.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from core.text import fold

SHARED_LOCAL_PARTS = frozenset(
    ["noreply", "no-reply", "donotreply", "notifications", "root", "admin", "webmaster", "info", "postmaster"]
)
SHARED_SUFFIXES = ("-bounces", "-owner", "-request")
SHARED_DOMAINS = frozenset({"lists.boost.org", "localhost", "(none)"})
SHARED_DOMAIN_SUFFIXES = (".local", ".localdomain")
GITHUB_NOREPLY = re.compile(r"\d+\+[^@]+")
TITLES = frozenset(["dr", "prof", "professor", "mr", "mrs", "ms"])
NAME_SUFFIXES = frozenset(["jr", "sr", "ii", "iii", "iv", "phd", "md"])
VIA = re.compile(r"\s+via\s+.*$", re.IGNORECASE | re.DOTALL)
BRACKETED = re.compile(r"\([^)]*\)|\[[^\]]*\]")


@lru_cache(maxsize=4096)
def email_key(address: str) -> str:
    """Return the normal form of an address; empty if it is not a valid address."""
    text = unicodedata.normalize("NFKC", address).strip().strip("<>")
    text = re.sub(r"^mailto:", "", text, flags=re.IGNORECASE).strip("<>").strip().lower()
    local, at, domain = text.partition("@")
    if not at or not local or "@" in domain or "." not in domain.strip(".") or re.search(r"\s", text):
        return ""
    domain = "gmail.com" if domain == "googlemail.com" else domain
    if domain == "gmail.com":
        local = local.partition("+")[0].replace(".", "")
    elif not GITHUB_NOREPLY.fullmatch(local):
        local = local.partition("+")[0]
    return f"{local}@{domain}" if local else ""


def is_shared(address: str) -> bool:
    """Return whether an address looks like that of a list, a role or a machine."""
    local, _, domain = address.strip().lower().partition("@")
    return (
        local in SHARED_LOCAL_PARTS
        or local.endswith(SHARED_SUFFIXES)
        or domain in SHARED_DOMAINS
        or domain.endswith(SHARED_DOMAIN_SUFFIXES)
    )


@lru_cache(maxsize=4096)
def without_via(name: str) -> str:
    """Remove the ending that Mailman adds for DMARC: `Jan Roe via Boost`."""
    return VIA.sub("", name).strip()


@lru_cache(maxsize=4096)
def name_key(name: str) -> str:
    """Return the normal form of a person's name."""
    text = unicodedata.normalize("NFKC", name).replace("’", "'").replace("‘", "'")
    text = without_via(BRACKETED.sub(" ", text))
    text = fold(_first_last(text))
    text = re.sub(r"[-_\s]+", " ", text)
    text = "".join(c for c in text if c.isalnum() or c == " " or unicodedata.category(c).startswith("M"))
    return " ".join(word for word in text.split() if word not in TITLES)


def _first_last(text: str) -> str:
    parts = [part.strip() for part in text.split(",")]
    kept = [p for p in parts if p and fold(p).replace(".", "") not in NAME_SUFFIXES]
    if len(kept) == 2 and len(parts) == 2:
        return f"{kept[1]} {kept[0]}"
    return kept[0] if kept else ""
