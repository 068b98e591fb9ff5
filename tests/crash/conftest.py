"""Histories that the crash tests share: what happens if nothing fails is played once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.crash.history import History, history
from tests.crash.scenario import Scenario

Histories = Callable[..., History]


@pytest.fixture(autouse=True)
def _leave_no_connection() -> Iterator[None]:
    yield
    for name in [n for n in os.environ if n.startswith("AIRFLOW_CONN_")]:
        del os.environ[name]


@pytest.fixture(scope="module")
def histories(migrated: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Histories]:
    """Returns the history of a scenario and stage; all modes and tests of a module get the same one."""
    found: dict[tuple[str, str, int], History] = {}

    with ExitStack() as stack:

        def of(scenario: Scenario, stage: str, side_by_side: int = 1) -> History:
            key = (scenario.name, stage, side_by_side)
            if key not in found:
                folder = tmp_path_factory.mktemp("exports") / "files"
                found[key] = stack.enter_context(history(scenario, stage, migrated, folder, side_by_side))
            return found[key]

        yield of
