"""Units that are collected side by side: the end is that of a run which collects one after the other."""

from __future__ import annotations

import pytest

from tests.crash.conftest import Histories
from tests.crash.equivalence import check
from tests.crash.forge_scenario import FIRST_LOAD, NAMES
from tests.crash.history import MODES, History


@pytest.fixture
def alone(histories: Histories) -> History:
    """A history in which one unit is collected after the other."""
    return histories(FIRST_LOAD, "first")


@pytest.fixture
def together(histories: Histories) -> History:
    """A history in which all units are collected at a time, each over a connection of its own."""
    return histories(FIRST_LOAD, "first", side_by_side=len(NAMES))


def test_the_end_is_that_of_one_worker(alone: History, together: History) -> None:
    assert together.undisturbed.found == alone.undisturbed.found
    assert alone.undisturbed.calls.keys() == {"database", "network", "budget", "files"}
    assert together.undisturbed.calls.keys() == {"units", "network", "budget", "files"}


def modes(*seams: str) -> list[str]:
    return [f"{seam} {how}" for seam in seams for how in MODES[seam]]


@pytest.mark.parametrize("mode", modes("units"))
def test_a_run_recovers_if_one_of_its_workers_ends(alone: History, together: History, mode: str) -> None:
    check(together, mode, 1, alone.undisturbed.found)


@pytest.mark.prove
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("mode", modes("units", "network", "budget", "files"))
def test_a_run_recovers_wherever_one_of_its_workers_ends(
    alone: History, together: History, mode: str
) -> None:
    check(together, mode, 200, alone.undisturbed.found)
