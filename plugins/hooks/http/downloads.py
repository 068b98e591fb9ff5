"""Bodies that are streamed to a file, never held in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from core.workspace import replacing
from hooks.http.transport import Answer

MAX_DOWNLOAD_BYTES = 2 * 1024**3
DOWNLOAD_DEADLINE = 1800.0
"""Seconds that a whole download may take."""


@dataclass(frozen=True)
class Download:
    """An answer whose body is in a file.

    :param size: bytes written; 0 without a new file, as when nothing has changed (304).
    :param sha256: of the file's content, in hexadecimal; empty without a new file.
    """

    status: int
    headers: Mapping[str, str]
    url: str
    size: int = 0
    sha256: str = ""

    @property
    def not_modified(self) -> bool:
        """Whether nothing has changed since the validator that was sent (304), so no file was written."""
        return self.status == 304


@dataclass
class FileSink:
    """Saves the body of an answer under its final name, once it is complete.

    :param most: the largest body to accept.
    :param seconds: how long the whole answer may take.
    """

    target: Path
    most: int
    seconds: float
    size: int = 0
    sha256: str = ""

    def save(self, answer: Answer) -> None:
        """Write the file, replacing an older one; after an error no part of it remains."""
        digest, self.size = sha256(), 0
        answer.take(self.seconds)
        with replacing(self.target) as file:
            for part in answer.chunks(self.most):
                file.write(part)
                digest.update(part)
                self.size += len(part)
        self.sha256 = digest.hexdigest()
