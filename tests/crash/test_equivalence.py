"""A run may fail at any call: after another run, everything is as if nothing had happened."""

from __future__ import annotations

import pytest

from tests.crash.conftest import Histories
from tests.crash.equivalence import SPREAD, check
from tests.crash.history import MODES
from tests.crash.scenario import Scenario, all_scenarios
from tests.share import some

FEW = 1 if SPREAD == 1 else None
"""How many ways to fail each seam gets; the inner loop tries one call and one way."""
CASES = [(scenario, stage) for scenario in all_scenarios() for stage in scenario.stages]


def with_modes(cases: list[tuple[Scenario, str]], most: int | None = None) -> list[object]:
    """Return each case with the ways in which it can fail, at most so many for each seam."""
    return [
        pytest.param(scenario, stage, f"{seam} {how}", id=f"{scenario.name}-{stage}-{seam} {how}")
        for scenario, stage in cases
        for seam, ways in MODES.items()
        if seam in scenario.seams
        for how in ways[:most]
    ]


@pytest.mark.parametrize(
    ("scenario", "stage", "mode"), some(with_modes([c for c in CASES if c[0].share_in_ci], FEW))
)
def test_runs_recover_from_some_crashes(
    histories: Histories, scenario: Scenario, stage: str, mode: str
) -> None:
    played = histories(scenario, stage)
    check(played, mode, max(1, round(SPREAD * scenario.share_in_ci)), played.undisturbed.found)


@pytest.mark.prove
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("scenario", "stage", "mode"), with_modes(CASES))
def test_runs_recover_from_every_crash(
    histories: Histories, scenario: Scenario, stage: str, mode: str
) -> None:
    played = histories(scenario, stage)
    check(played, mode, 200, played.undisturbed.found)


@pytest.mark.parametrize(("scenario", "stage"), CASES, ids=lambda value: getattr(value, "name", value))
def test_a_scenario_declares_what_can_fail(histories: Histories, scenario: Scenario, stage: str) -> None:
    assert set(histories(scenario, stage).undisturbed.calls) == scenario.seams
