"""The adapter through which the Pinecone SDK's requests pass: counted, and sent once.

The SDK offers no place for it, and repeats requests by itself without telling; so its transport is taken
out of its client. The SDK's version is locked, and a test counts requests at the other end.
"""

from __future__ import annotations

from typing import Any

import httpx

from hooks.api import Traffic


class CountedTransport(httpx.BaseTransport):
    """Passes requests on, counts them and the bytes that came back."""

    def __init__(self, inner: httpx.BaseTransport, traffic: Traffic) -> None:
        self._inner, self._traffic = inner, traffic

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request, once."""
        self._traffic.add(requests=1)
        response = self._inner.handle_request(request)
        body = response.read()
        self._traffic.add(received=len(body))
        return response

    def close(self) -> None:
        """Let go of sockets."""
        self._inner.close()


def instrument(client: Any, traffic: Traffic) -> None:
    """Put the adapter into an SDK client (of the control plane or of an index)."""
    http = client._http._client
    http._transport = CountedTransport(http._transport._transport, traffic)
