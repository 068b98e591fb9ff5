"""Paging by the `Link` header (RFC 8288): a client follows links and never computes an address."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import Request


def link_header(request: Request, pages: Mapping[str, Mapping[str, object] | None]) -> dict[str, str]:
    """Return the `Link` header with the address of this request for each relation, and other params.

    :param pages: for each relation (`next`, `first`, …) the params that differ; None leaves the relation out.
    """
    links = [
        f'<{request.url.include_query_params(**changed)}>; rel="{relation}"'
        for relation, changed in pages.items()
        if changed is not None
    ]
    return {"Link": ", ".join(links)} if links else {}
