"""A run may fail at any call: after another run, everything is as if nothing had happened."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.crash.equivalence import SPREAD, check
from tests.crash.history import MODES, History, history
from tests.crash.scenario import Scenario, all_scenarios

Case = tuple[Scenario, str]
CASES = [(scenario, stage) for scenario in all_scenarios() for stage in scenario.stages]


@pytest.fixture(autouse=True)
def _leave_no_connection() -> Iterator[None]:
    yield
    for name in [n for n in os.environ if n.startswith("AIRFLOW_CONN_")]:
        del os.environ[name]


@pytest.fixture(scope="module")
def played(
    request: pytest.FixtureRequest, migrated: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[History]:
    """The history of a scenario, whose undisturbed outcome is the same for all ways to fail."""
    scenario, stage = request.param
    with history(scenario, stage, migrated, tmp_path_factory.mktemp("exports") / "files") as found:
        yield found


def with_modes(cases: list[Case]) -> list[object]:
    return [
        pytest.param(case, f"{seam} {how}", id=f"{case[0].name}-{case[1]}-{seam} {how}")
        for case in cases
        for seam, ways in MODES.items()
        if seam in case[0].seams
        for how in ways
    ]


@pytest.mark.parametrize(
    ("played", "mode"), with_modes([c for c in CASES if c[0].share_in_ci]), indirect=["played"]
)
def test_runs_recover_from_some_crashes(played: History, mode: str) -> None:
    most = max(1, round(SPREAD * played.scenario.share_in_ci))
    check(played, mode, most, played.undisturbed.found)


@pytest.mark.prove
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("played", "mode"), with_modes(CASES), indirect=["played"])
def test_runs_recover_from_every_crash(played: History, mode: str) -> None:
    check(played, mode, 200, played.undisturbed.found)


@pytest.mark.parametrize("played", CASES, indirect=True, ids=lambda case: f"{case[0].name}-{case[1]}")
def test_a_scenario_declares_what_can_fail(played: History) -> None:
    assert set(played.undisturbed.calls) == played.scenario.seams
