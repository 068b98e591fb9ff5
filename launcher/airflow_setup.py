"""Prepares Airflow's database in one process: schema, pools, connections. Run with Airflow's environment.

`python -m launcher.airflow_setup <pools.json> <connections.json> <connections to keep if they exist.json>`
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run some commands of Airflow's own command line; each would import Airflow anew."""
    from airflow.cli import cli_parser

    pools, ours, theirs = sys.argv[1:]
    for command in (
        ["db", "migrate"],
        ["pools", "import", pools],
        ["connections", "import", ours, "--overwrite"],
        ["connections", "import", theirs],
    ):
        arguments = cli_parser.get_parser().parse_args(command)
        arguments.func(arguments)


if __name__ == "__main__":
    main()
