"""Import of files: three formats, each file imported once, and kept if something in it is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import ObjectStoragePath

from core.clock import FixedClock
from core.database import Conn
from core.errors import UnitsFailed
from core.session import Session
from hooks.mailing_list_hook import MailingListHook
from sandbox.world import World
from tests.mail import BOOST, USERS, add_list, entry, rows
from trackers.mailing_list.collect import collect
from trackers.mailing_list.import_records import UnusableRecord, message_of, records
from trackers.mailing_list.options import MailingListOptions
from trackers.mailing_list.reprocess import reprocess

pytestmark = pytest.mark.usefixtures("hyperkitty")
HASH = "OYHKWRDNPBPKMOWYLNPKMCEOE6ZX65KG"


@pytest.fixture
def import_files(conn: Conn, clock: FixedClock) -> Iterator[Any]:
    hook = MailingListHook(clock=clock)

    def run(folder: Any, lists: tuple[str, ...] = (BOOST,), **options: bool) -> dict[str, int]:
        session = Session(conn, clock=clock)
        requested = MailingListOptions(list_names=lists, by_export=False, **options)
        try:
            collect(session, hook, requested, folder)
        except UnitsFailed as error:
            error.counts = dict(session.progress.counts)  # type: ignore[attr-defined]
            raise
        return dict(session.progress.counts)

    yield run
    hook.close()


def put(root: Path, name: str, content: Any, list_name: str = BOOST) -> Path:
    file = root / list_name / "messages" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


def record(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "message_id": f"old{number}@example.org",
        "subject": f"Old {number}",
        "from": "Jan <jan@example.org>",
    } | changes


def test_all_formats_are_imported_once_and_the_files_moved(
    conn: Conn, world: World, import_files: Any, tmp_path: Path
) -> None:
    add_list(world, 2)
    put(tmp_path, "list.json", [record(1), "no record", record(2)])
    put(tmp_path, "deep/er/thread.json", {"thread_info": {"thread_id": "T"}, "messages": [record(3)]})
    put(tmp_path, "single.json", record(4, list_name=BOOST))
    put(tmp_path, ".hidden.json", record(5))
    put(tmp_path, "notes.txt", "nothing")
    put(tmp_path, "empty.json", "7")
    counts = import_files(tmp_path)
    assert (counts["imported"], counts["files_imported"], counts["new"]) == (4, 4, 2)
    assert rows(conn, "subject", "subject LIKE 'Old%'") == ["Old 1", "Old 2", "Old 3", "Old 4"]
    assert rows(conn, "thread_hash, listed", "subject = 'Old 3'") == [("T", False)]
    done = tmp_path / BOOST / "messages_done"
    assert sorted(str(p.relative_to(done)) for p in done.rglob("*.json")) == [
        "deep/er/thread.json",
        "empty.json",
        "list.json",
        "single.json",
    ]
    assert "imported" not in import_files(tmp_path)


def test_files_with_errors_stay_and_are_reported_and_the_rest_is_stored(
    conn: Conn, world: World, import_files: Any, tmp_path: Path
) -> None:
    add_list(world, 2)
    broken = put(tmp_path, "broken.json", "{ not json")
    mixed = put(
        tmp_path, "mixed.json", [record(1), record(2, list_name="invalid-list"), {"subject": "no id"}]
    )
    good = put(tmp_path, "good.json", record(3))
    with pytest.raises(UnitsFailed) as caught:
        import_files(tmp_path)
    message = str(caught.value)
    assert "2 files could not be imported completely" in message
    assert "broken.json: not JSON" in message
    assert f"record 2: list 'invalid-list' is not one of {BOOST}; record 3: it has no message id" in message
    assert (broken.exists(), mixed.exists(), good.exists()) == (True, True, False)
    assert rows(conn, "subject", "subject LIKE 'Old%'") == ["Old 1", "Old 3"]
    # The archive was collected nevertheless.
    assert caught.value.counts["new"] == 2  # type: ignore[attr-defined]


def test_a_message_in_a_file_and_in_the_archive_is_one_row(
    conn: Conn, world: World, import_files: Any, tmp_path: Path
) -> None:
    put(tmp_path, "a.json", record(1, message_id="<abc@example.com>"))
    add_list(world, 1)
    import_files(tmp_path)
    world.mail.lists[BOOST].add(entry(5, message_id="abc@example.com", subject="As archived"))
    import_files(tmp_path)
    assert rows(conn, "message_hash, subject, listed", "message_id = 'abc@example.com'") == [
        (HASH, "As archived", True)
    ]


def test_a_full_scan_does_not_mark_imported_messages_as_removed(
    conn: Conn, world: World, import_files: Any, tmp_path: Path
) -> None:
    add_list(world, 2)
    put(tmp_path, "a.json", record(1))
    import_files(tmp_path)
    import_files(tmp_path, full_scan=True)
    assert rows(conn, "deleted_at", "subject = 'Old 1'") == [None]


def test_rows_from_files_can_be_reprocessed(
    conn: Conn, world: World, import_files: Any, clock: FixedClock, tmp_path: Path
) -> None:
    add_list(world, 2)
    put(tmp_path, "a.json", [record(1), record(2)])
    import_files(tmp_path)
    columns = "to_jsonb(message) - 'id' - 'created_at' - 'updated_at'"
    before = rows(conn, columns)
    options = MailingListOptions(list_names=(BOOST,), reprocess=True)
    reprocess(Session(conn, clock=clock), options)
    assert rows(conn, columns) == before
    conn.execute("DELETE FROM mailing_list.message WHERE subject = 'Old 2'")
    assert reprocess(Session(conn, clock=clock), options).counts["new"] == 1
    assert rows(conn, columns) == before


def test_files_are_imported_from_an_object_store(
    conn: Conn, world: World, import_files: Any, tmp_path: Path
) -> None:
    add_list(world, 1)
    put(tmp_path, "a.json", record(1))
    assert import_files(ObjectStoragePath(f"file://{tmp_path}"))["imported"] == 1
    assert not (tmp_path / BOOST / "messages" / "a.json").exists()


def test_a_missing_folder_is_not_an_error(world: World, import_files: Any, tmp_path: Path) -> None:
    add_list(world, 1)
    assert import_files(tmp_path / "none")["new"] == 1


# -- pure --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "number"),
    [
        ([{}, 1, {}], 2),
        ({"messages": [{}], "thread_info": 7}, 1),
        ({"subject": "x"}, 1),
        (7, 0),
        ("x", 0),
        (None, 0),
    ],
)
def test_records_of_all_formats(document: Any, number: int) -> None:
    assert len(list(records(document))) == number


@pytest.mark.parametrize(
    ("changes", "name", "expected"),
    [
        ({"msg_id": "M"}, "message_hash", "M"),
        ({"message_id": "", "url": "https://h/list/x/email/U/"}, "message_hash", "U"),
        ({"message_id": "<abc@example.com>"}, "message_hash", HASH),
        ({"parent": "https://h/email/P/"}, "parent_hash", "P"),
        ({"thread_url": "https://h/thread/T/"}, "thread_hash", "T"),
        ({"thread_info": {"thread_id": "I"}}, "thread_hash", "I"),
        ({"list_name": USERS}, "list_name", USERS),
        ({"thread_url": f"https://h/list/{USERS}/thread/T/"}, "list_name", USERS),
        ({"to": f"Discussion <{USERS}>"}, "list_name", USERS),
        ({}, "list_name", "folder"),
        ({"from": '"Roe, Jan" <jan.roe (a) example.org>'}, "sender_address", "jan.roe@example.org"),
        ({"from": '"Roe, Jan" <jan.roe (a) example.org>'}, "sender_name", "Roe, Jan"),
        ({"from": "someone@example.org"}, "sender_address", "someone@example.org"),
        ({"from": "someone@example.org"}, "sender_name", ""),
        ({"sender": {"email": "a@example.org", "display_name": "A"}, "from": ""}, "sender_name", "A"),
        (
            {"sender_address": "b@example.org", "sender": {"address": "a@example.org"}},
            "sender_address",
            "b@example.org",
        ),
        ({"date": "Sat, 03 Apr 2010 18:32:00 +0200"}, "sent_at", datetime(2010, 4, 3, 16, 32, tzinfo=UTC)),
        ({"date": "Sat, 03 Apr 2010 18:32:00"}, "sent_at", datetime(2010, 4, 3, 18, 32, tzinfo=UTC)),
        ({"date": "2010-04-03"}, "sent_at", datetime(2010, 4, 3, tzinfo=UTC)),
        ({"date": "one day"}, "sent_at", None),
        (
            {"sent_at": "2011-01-01T00:00:00Z", "date": "2010-04-03"},
            "sent_at",
            datetime(2011, 1, 1, tzinfo=UTC),
        ),
    ],
)
def test_fields_of_a_record(changes: dict[str, Any], name: str, expected: Any) -> None:
    assert getattr(message_of(record(1) | changes, "folder"), name) == expected


def test_a_record_without_an_id_is_unusable() -> None:
    with pytest.raises(UnusableRecord, match="no message id"):
        message_of({"subject": "x"}, "folder")
