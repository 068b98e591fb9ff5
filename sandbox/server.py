"""Serves a world on a free port, in a thread of this process."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from sandbox.app import create_app
from sandbox.world import World


@contextmanager
def serve(world: World, port: int = 0) -> Iterator[str]:
    """Serve until the `with` block ends; yield the base address."""
    config = uvicorn.Config(
        create_app(world),
        host="127.0.0.1",
        port=port,
        log_level="critical",
        access_log=False,
        lifespan="off",
        date_header=False,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="sandbox", daemon=True)
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise RuntimeError("the sandbox did not start; is its port in use?")
        time.sleep(0.01)
    address = server.servers[0].sockets[0].getsockname()
    try:
        yield f"http://127.0.0.1:{address[1]}"
    finally:
        # It ends within a fifth of a second; no client is waiting for a response any more.
        server.should_exit = server.force_exit = True
