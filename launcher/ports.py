"""The ports of the web UI and the sandbox, with a clear message if one is in use."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass


class PortTaken(Exception):
    """The port is invalid or in use; the message says how to choose another one."""


@dataclass(frozen=True)
class Ports:
    """Where the web UI and the sandbox listen, on 127.0.0.1 only."""

    web: int
    sandbox: int

    @classmethod
    def from_environment(cls) -> Ports:
        """Read `BDC_PORT` and `BDC_SANDBOX_PORT`."""
        return cls(_number("BDC_PORT", 8080), _number("BDC_SANDBOX_PORT", 8181))

    def require_free(self, *, sandbox: bool) -> None:
        """Raise `PortTaken` if a port that is needed is in use."""
        require_free(self.web, "BDC_PORT", "the Airflow UI")
        if sandbox:
            require_free(self.sandbox, "BDC_SANDBOX_PORT", "the sandbox")


def _number(name: str, default: int) -> int:
    raw = os.environ.get(name, "").strip() or str(default)
    if not raw.isdigit() or not 0 < int(raw) < 65536:
        raise PortTaken(f"{name} must be a port number, not {raw!r}")
    return int(raw)


def require_free(port: int, setting: str, purpose: str) -> None:
    """Raise `PortTaken` if a program listens on `port`."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise PortTaken(
                f"port {port}, meant for {purpose}, is in use by another program; "
                f"choose a free one: `{setting}={port + 10} make demo`"
            ) from None
