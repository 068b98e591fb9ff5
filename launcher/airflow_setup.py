"""Prepares Airflow's database in one process: schema, pools, connections. Needs Airflow's environment.

`python -m launcher.airflow_setup <pools.json> <connections.json> <defaults.json>`

Connections of the second file are overwritten, those of the third are added only if they do not exist.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run several Airflow commands in one process; separately, each would import Airflow again."""
    from airflow.cli import cli_parser

    pools, connections, defaults = sys.argv[1:]
    for command in (
        ["db", "migrate"],
        ["pools", "import", pools],
        ["connections", "import", connections, "--overwrite"],
        ["connections", "import", defaults],
    ):
        arguments = cli_parser.get_parser().parse_args(command)
        arguments.func(arguments)


if __name__ == "__main__":
    main()
