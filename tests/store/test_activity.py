"""Every collector's schema shows what people did in one shape."""

from __future__ import annotations

import pytest

from core.database import Conn
from core.protocols import ActivityRecord
from operators.framework.registry import COLLECTORS

RECORD = [name for name in vars(ActivityRecord) if not name.startswith("_")]
COLUMNS = [*RECORD, "profile_id", "place"]
TEXTS = (
    "source_system",
    "external_id",
    "activity_type",
    "actor_external_id",
    "source_url",
    "summary",
    "place",
)


@pytest.mark.parametrize("tracker", sorted({collector.tracker for collector in COLLECTORS.values()}))
def test_every_tracker_has_a_view_of_what_people_did(conn: Conn, tracker: str) -> None:
    found = dict(
        conn.execute(
            "SELECT column_name, data_type FROM information_schema.columns"
            " WHERE table_schema = %s AND table_name = 'activity' ORDER BY ordinal_position",
            (tracker,),
        ).fetchall()
    )
    assert list(found) == COLUMNS, f"{tracker} needs include/sql/{tracker}/view_activity.sql"
    assert {found[name] for name in TEXTS} <= {"text", "character varying"}
    assert (found["occurred_at"], found["profile_id"]) == ("timestamp with time zone", "bigint")
