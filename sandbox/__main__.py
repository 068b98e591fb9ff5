"""`python -m sandbox`: serve a generated community until stopped."""

from __future__ import annotations

import argparse

import uvicorn

from sandbox.app import create_app
from sandbox.world import SEED, World


def main() -> None:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=8181)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--messages", type=int, default=1200, help="messages on all mailing lists together")
    options = parser.parse_args()
    world = World.generated(options.seed, options.messages)
    uvicorn.run(
        create_app(world),
        host="127.0.0.1",
        port=options.port,
        log_level="warning",
        access_log=False,
        lifespan="off",
        date_header=False,
    )


if __name__ == "__main__":
    main()
