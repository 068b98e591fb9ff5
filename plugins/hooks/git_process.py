"""Runs git within the limits of a hook. What a server answered is read from git's trace of its requests."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from core.redaction import redact
from hooks.http.admitted import AdmittedRequest

HEADER = re.compile(r"<= Recv header: ?(.*?)\s*$")
STATUS = re.compile(r"HTTP/[\d.]+ (\d{3})\b")
SHOWN = 500
ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_TRACE_CURL_NO_DATA": "1",
    "LC_ALL": "C",
}


def run_git(
    request: AdmittedRequest,
    *arguments: str,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run one git command and return its output.

    git reports a refusal on stderr as a bare status, without the time to wait. The command is ended when its
    admission ends: a resource for clones declares a `longest_request` that is long enough.

    :param environment: what the command needs more, such as its credentials.
    """
    limit = None if request.longest == float("inf") else request.longest
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "trace"
        own = ENVIRONMENT | {"GIT_TRACE_CURL": str(trace)}
        done = subprocess.run(
            ["git", *arguments],
            cwd=cwd,
            env={**os.environ, **(environment or {}), **own},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=limit,
        )
        text = trace.read_text("utf-8", "replace") if trace.exists() else ""
    if (answer := last_answer(text)) is not None:
        request.answered(*answer)
    if done.returncode:
        stderr = redact(done.stderr.decode("utf-8", "replace"))[-SHOWN:]
        raise subprocess.CalledProcessError(done.returncode, ["git", arguments[0]], stderr=stderr)
    return done.stdout.decode("utf-8", "replace")


def last_answer(trace: str) -> tuple[int, dict[str, str]] | None:
    """Return status and headers of the last answer in a trace; None if there is none."""
    status, headers = 0, dict[str, str]()
    for line in trace.splitlines():
        if (found := HEADER.search(line)) is None:
            continue
        if (begins := STATUS.match(found[1])) is not None:
            status, headers = int(begins[1]), {}
        elif ":" in found[1]:
            name, _, value = found[1].partition(":")
            headers[name] = value.strip()
    return (status, headers) if status else None
