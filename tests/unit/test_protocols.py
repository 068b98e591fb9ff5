from __future__ import annotations

from dataclasses import dataclass

import pytest

from core.checkpoints import Checkpoint
from core.protocols import (
    Collected,
    require_activity_record,
    require_incremental_state,
    require_tracker_result,
)


@dataclass(frozen=True)
class Record:
    source_system: str = "github"
    external_id: str = "1:issue:2"
    occurred_at: str = "2024-01-01T00:00:00Z"
    activity_type: str = "github.issue"
    actor_external_id: str = ""
    source_url: str | None = None
    summary: str = "x"


def test_small_frozen_dataclasses_satisfy_the_protocols() -> None:
    assert require_tracker_result(Collected(counts={"issues": 2})).counts == {"issues": 2}
    assert require_activity_record(Record()) == Record()
    checkpoint = Checkpoint("s", "x", "y", token="t", marker="m")
    assert require_incremental_state(checkpoint).checkpoint_token == "t"


@pytest.mark.parametrize(
    "guard", [require_tracker_result, require_activity_record, require_incremental_state]
)
def test_a_dict_does_not_satisfy_them(guard: object) -> None:
    with pytest.raises(TypeError, match="dict"):
        guard({})  # type: ignore[operator]
