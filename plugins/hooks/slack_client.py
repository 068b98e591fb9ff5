"""slack_sdk's client within the limits of a hook.

The SDK has no option for this: its retry handlers are asked only after a request. So the one method through
which it sends every request, those of further pages included, is extended. Its version is pinned, and a test
compares what is admitted with what the server receives.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from slack_sdk import WebClient

from hooks.http.admitted import AdmittedRequest
from hooks.source_hook import SourceHook

TIMEOUT = 30


class AdmittedWebClient(WebClient):
    """A client each of whose requests is admitted, counted, and repeated if a limit refused it.

    Its own retries are switched off: the hook's replace them.

    :param hook: declares the limits.
    :param resource_of: returns the resource that a method of the Web API belongs to.
    """

    def __init__(
        self, hook: SourceHook, resource_of: Callable[[str], str] = lambda method: "core", **options: Any
    ) -> None:
        super().__init__(**{"timeout": TIMEOUT} | options, retry_handlers=[])
        self._hook, self._resource_of = hook, resource_of

    def _perform_urllib_http_request(self, *, url: str, args: dict[str, dict[str, Any]]) -> dict[str, Any]:
        send_once = super()._perform_urllib_http_request

        def send(request: AdmittedRequest) -> dict[str, Any]:
            answer: dict[str, Any] = send_once(url=url, args=args)
            body = answer["body"]
            raw = body if isinstance(body, bytes) else body.encode()
            request.answered(answer["status"], dict(answer["headers"].items()), raw)
            return answer

        return self._hook.send_admitted(send, self._resource_of(url.rpartition("/")[2]))
