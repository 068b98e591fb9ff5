"""Rebuilds links that an API returns on the Connection's base address. Pure."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit, urlunsplit

from core.errors import UnexpectedPayload


def rebuild(base_url: str, link: str) -> str:
    """Return the address to request: the link's path and query with the base's scheme, host and port.

    A proxy may have written another scheme or port into a link. Another host or a path outside the base is
    refused. A link without a host is a path below the base.
    """
    base, found = urlsplit(base_url), urlsplit(link)
    if any(unquote(segment) in (".", "..") for segment in found.path.split("/")):
        raise UnexpectedPayload("leads out of its path", source="GET", identifier="link")
    if not found.netloc:
        if found.scheme:
            raise UnexpectedPayload("not a link to follow", source="GET", identifier=found.scheme)
        path = found.path
        inside = path == base.path or path.startswith(f"{base.path}/")
        if not (base.path and inside):
            path = f"{base.path}/{path.lstrip('/')}"
        return urlunsplit((base.scheme, base.netloc, path, found.query, ""))
    if found.hostname != base.hostname:
        raise UnexpectedPayload(
            f"leads to the foreign host {found.hostname}; requests go only to {base.hostname}",
            source="GET",
            identifier="link",
        )
    if base.path and not (found.path == base.path or found.path.startswith(f"{base.path}/")):
        raise UnexpectedPayload(f"leads outside {base.path}", source="GET", identifier=found.path)
    return urlunsplit((base.scheme, base.netloc, found.path, found.query, ""))
