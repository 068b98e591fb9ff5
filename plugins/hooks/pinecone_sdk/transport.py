"""The transport of the Pinecone SDK's requests: each is counted, and sent once.

The SDK has no option for a transport and retries requests silently, so its transport is replaced inside its
client. The SDK's version is pinned, and a test counts the requests that the server receives.
"""

from __future__ import annotations

from typing import Any

import httpx

from hooks.api import Traffic


class CountedTransport(httpx.BaseTransport):
    """Sends requests, and counts them and the bytes received."""

    def __init__(self, inner: httpx.BaseTransport, traffic: Traffic) -> None:
        self._inner, self._traffic = inner, traffic

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request once."""
        self._traffic.add(requests=1)
        response = self._inner.handle_request(request)
        body = response.read()
        self._traffic.add(received=len(body))
        return response

    def close(self) -> None:
        """Close sockets."""
        self._inner.close()


def instrument(client: Any, traffic: Traffic) -> None:
    """Replace the transport of an SDK client (of the control plane or of an index)."""
    http = client._http._client
    http._transport = CountedTransport(http._transport._transport, traffic)
