"""How a library that sends its own requests (slack_sdk, yt-dlp, git) takes part in a source's limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from requests.structures import CaseInsensitiveDict

from core.budget import Admission, LimitReader
from hooks.http.failures import rate_limited
from hooks.http.messages import Traffic


@dataclass(frozen=True)
class AdmittedRequest:
    """The permission to let another library send one request.

    :param what: names the request in errors.
    """

    admission: Admission
    reader: LimitReader
    what: str
    traffic: Traffic = field(default_factory=Traffic)

    @property
    def identity(self) -> str:
        """Whom to send the request as; empty if the source has no identities."""
        return self.admission.identity

    @property
    def longest(self) -> float:
        """In how many seconds the request has to end."""
        return self.admission.longest

    def answered(self, status: int, headers: Mapping[str, str], body: bytes = b"") -> None:
        """Note the answer; raise `RateLimited` if it is a refusal because of a limit.

        Every answer is handed in, of errors, too: the next request depends on what it says.
        """
        self.traffic.add(received=len(body))
        report = self.reader.read(status, CaseInsensitiveDict(headers), body)
        wait = self.admission.learn(report)
        if report.refused:
            raise rate_limited(self.what, status, wait)
