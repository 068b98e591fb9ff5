"""yt-dlp within the limits of a hook.

yt-dlp sends every request through one method, those of its extractors and downloads included, and has no
option to ask before. That method is extended. It returns when the headers have arrived; bodies are read after
it, so a slow download holds no place of others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from yt_dlp import YoutubeDL
from yt_dlp.networking import Request, Response
from yt_dlp.networking.exceptions import HTTPError
from yt_dlp.utils import sanitize_url

from hooks.http.admitted import AdmittedRequest
from hooks.source_hook import SourceHook

TIMEOUT = 20
"""Seconds without a byte; below the longest request of any resource."""


class AdmittedYoutubeDL(YoutubeDL):
    """A YoutubeDL each of whose requests is admitted, counted, and repeated if a limit refused it.

    A limit is raised as `RateLimited`, which no extractor takes for a missing video; so errors are never
    ignored. Its own retries are off. Redirects count as one request.

    :param hook: declares the limits.
    :param params: options of yt-dlp.
    :param resource_of: returns the resource that a host belongs to.
    """

    def __init__(
        self,
        hook: SourceHook,
        params: dict[str, Any],
        resource_of: Callable[[str], str] = lambda host: "core",
    ) -> None:
        self._hook, self._resource_of = hook, resource_of
        fixed = {"ignoreerrors": False, "retries": 0, "extractor_retries": 0, "fragment_retries": 0}
        super().__init__({"socket_timeout": TIMEOUT, "quiet": True, "noprogress": True} | params | fixed)

    def urlopen(self, req: Request | str) -> Response:
        """Send a request as soon as the hook's limits allow it; what is not HTTP is not counted."""
        send_once, address = super().urlopen, urlsplit(_url_of(req))
        if address.scheme not in ("http", "https"):
            return send_once(req)

        def send(request: AdmittedRequest) -> Response:
            try:
                answer = send_once(req)
            except HTTPError as refusal:
                request.answered(refusal.status, dict(refusal.response.headers.items()))
                raise
            request.answered(answer.status, dict(answer.headers.items()))
            return answer

        return self._hook.send_admitted(send, self._resource_of(address.hostname or ""))


def _url_of(req: Any) -> str:
    """Return the address of a request, which may also be one of the standard library's."""
    return str(sanitize_url(req if isinstance(req, str) else getattr(req, "full_url", None) or req.url))
