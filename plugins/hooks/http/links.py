"""Links that an API returns, rebuilt on the Connection's own base. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from core.errors import UnexpectedPayload


def rebuild(base_url: str, link: str) -> str:
    """Return the address to ask: the link's path and query on the base's scheme, host and port.

    A proxy may have written another scheme or port into a link; another host, or a path outside the base, is
    refused. A link without a host is taken as a path below the base.
    """
    base, found = urlsplit(base_url), urlsplit(link)
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
            f"leads to the foreign host {found.hostname}; only {base.hostname} is asked",
            source="GET",
            identifier="link",
        )
    if base.path and not (found.path == base.path or found.path.startswith(f"{base.path}/")):
        raise UnexpectedPayload(f"leads out of {base.path}", source="GET", identifier=found.path)
    return urlunsplit((base.scheme, base.netloc, found.path, found.query, ""))
