"""Bodies from the archive's mbox export: the same rows as from details, with a fraction of the requests."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.database import Conn
from sandbox.faults import Fault
from sandbox.hyperkitty.archive import Attachment, MailList
from sandbox.world import World
from tests.mail import BOOST, add_list, entry, requests, rows
from trackers.mailing_list.mbox import Exports, body_of, following, messages, month_before, read

Run = Callable[..., dict[str, int]]
pytestmark = pytest.mark.usefixtures("hyperkitty")


@pytest.fixture
def run(run: Run) -> Run:
    """Collect with exports, as is the default."""
    return lambda **options: run(**{"by_export": True} | options)


COLUMNS = "to_jsonb(m) - 'id' - 'created_at' - 'updated_at' - 'mailing_list_profile_id'"
AWKWARD = (
    "plain\n",
    "two  blanks at the end  \nof a line\n\n\n",
    "From the beginning of a line\nFrom again\n",
    "quoted\n>From somebody else\n",
    "Ümlaute, кириллица, 漢字 and an emoji 🎉\n",
    "windows\r\nline ends\r\n",
    "",
    "x" * 3000 + "\n",
    "=?utf-8?q?not_a_header?= = 3D\n.\n..dots\n",
    "no line end",
    "x" * 76 + " From here\n",  # Its quoted-printable form has a line that begins with "From ".
    "carriage return, NUL\r\0\nand a line\n",
)


def fill(world: World, count: int = 36) -> MailList:
    boost = add_list(world, 0)
    for number in range(count):
        attached = (Attachment("a.txt", "text/plain", "utf-8", 12),) if number % 12 == 5 else ()
        boost.add(entry(number, text=AWKWARD[number % len(AWKWARD)], attachments=attached))
    return boost


def stored(conn: Conn) -> list[Any]:
    return [
        row[0] for row in conn.execute(f"SELECT {COLUMNS} FROM mailing_list.message AS m ORDER BY message_id")
    ]


def test_exports_and_details_give_equal_rows(conn: Conn, world: World, run: Run) -> None:
    fill(world)
    world.mail.exports = False
    by_details = run()
    assert "from_export" not in by_details
    expected = stored(conn)
    assert len(expected) == 36
    conn.execute("TRUNCATE mailing_list.message, core.raw_payload, core.checkpoint CASCADE")
    world.mail.exports = True
    requests(world)
    counts = run()
    assert stored(conn) == expected
    # Messages with attachments or ambiguous lines come from their details.
    assert counts["from_export"] == 36 - 3 - 4 * 3
    sent = requests(world)
    # Two months, and one in advance, which may not be sent any more when the run ends.
    assert sum("export" in line for line in sent) in (2, 3)
    assert sum("/email/" in line or line.startswith("email/") for line in sent) == 15


def test_rows_from_an_export_can_be_reprocessed(conn: Conn, world: World, run: Run) -> None:
    fill(world)
    run()
    before = stored(conn)
    from core.clock import FixedClock
    from core.session import Session
    from trackers.mailing_list.options import MailingListOptions
    from trackers.mailing_list.reprocess import reprocess

    clock = FixedClock()
    options = MailingListOptions(list_names=(BOOST,), reprocess=True)
    counts = reprocess(Session(conn, clock=clock), options).counts
    assert (counts["unchanged"], counts.get("updated", 0)) == (36, 0)
    assert stored(conn) == before


def test_a_refresh_by_details_changes_nothing(conn: Conn, world: World, run: Run) -> None:
    fill(world)
    run()
    world.mail.exports = False
    counts = run(full_refresh=True)
    assert (counts["unchanged"], counts.get("updated", 0)) == (36, 0)


def test_a_body_that_an_export_changed_is_fetched_again_once(conn: Conn, world: World, run: Run) -> None:
    fill(world)
    run()
    before = stored(conn)
    # As an earlier version stored it: read from an export, and not known to be right.
    conn.execute("UPDATE mailing_list.message SET content = replace(content, ' From', ' >From')")
    conn.execute("UPDATE core.checkpoint SET extras = extras - 'bodies_checked' WHERE stream = 'index'")
    assert stored(conn) != before
    assert "new" not in run()
    assert stored(conn) != before
    assert run(full_scan=True)["updated"] == 3
    assert stored(conn) == before
    boost = world.mail.lists[BOOST]
    boost.add(entry(90, text="He wrote: >From here on.\n"))
    run()
    requests(world)
    run(full_scan=True)
    assert not any("/email/" in line for line in requests(world))


def test_a_few_new_messages_are_not_worth_an_export(world: World, run: Run) -> None:
    boost = fill(world)
    run()
    requests(world)
    for number in range(40, 44):
        boost.add(entry(number))
    run()
    assert not any("export" in line for line in requests(world))


def test_a_run_without_news_sends_at_most_two_requests(world: World, run: Run) -> None:
    fill(world)
    run()
    requests(world)
    run()
    assert len(requests(world)) <= 2


def test_each_month_is_requested_once(conn: Conn, world: World, run: Run) -> None:
    boost = add_list(world, 0)
    for number in range(60):
        moment = datetime(2025, 1 + number // 20, 3, tzinfo=UTC) + timedelta(hours=number)
        boost.add(entry(number, date=moment, archived_at=moment, text=f"Body {number}"))
    run()
    exports = [line for line in requests(world) if "export" in line]
    assert (
        [line.partition("start=")[2] for line in exports]
        == [
            "2025-03-01&end=2025-04-01",
            "2025-02-01&end=2025-03-01",
            "2025-01-01&end=2025-02-01",
            "2024-12-01&end=2025-01-01",  # requested in advance, and empty; not sent if the run ends before
        ][: len(exports)]
    )
    assert len(exports) >= 3
    assert rows(conn, "count(*)", "true GROUP BY list_name ORDER BY 1 -- ") == [60]


@pytest.mark.parametrize(
    "fault",
    [
        Fault(path="export", status=500),
        Fault(path="export", status=404),
        Fault(path="export", kind="body", body="<html>maintenance</html>"),
        Fault(path="export", kind="truncate"),
    ],
)
def test_a_failing_export_costs_requests_but_no_message(
    conn: Conn, world: World, run: Run, fault: Fault
) -> None:
    fill(world)
    world.faults.append(fault)
    counts = run()
    assert counts["new"] == 36
    assert "from_export" not in counts


def test_disabled_exports_are_requested_once(world: World, run: Run) -> None:
    boost = add_list(world, 0)
    for number in range(60):
        moment = datetime(2025, 1 + number // 20, 3, tzinfo=UTC) + timedelta(hours=number)
        boost.add(entry(number, date=moment, archived_at=moment))
    world.mail.exports = False
    run()
    assert sum("export" in line for line in requests(world)) == 1


# -- pure --------------------------------------------------------------------------------------------------------


def packed(*texts: str) -> bytes:
    return gzip.compress("".join(texts).encode())


def test_an_mbox_is_split_at_its_separators() -> None:
    found = list(messages(packed("From a b\nSubject: 1\n\n>From x\n\n", "From c d\nSubject: 2\n\nbody\n")))
    assert found == [b"Subject: 1\n\n>From x\n\n", b"Subject: 2\n\nbody\n"]
    assert list(messages(packed(""))) == []


def test_an_export_that_is_too_large_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trackers.mailing_list.mbox.LARGEST", 10)
    with pytest.raises(ValueError, match="larger than 10 bytes"):
        list(messages(packed("From a b\nSubject: a long one\n")))


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        ("Content-Type: text/plain; charset=utf-8\n\nbody\n", "body\n"),
        ("Content-Type: text/html\n\n<p>body</p>\n", None),
        ("Content-Type: text/plain; charset=none-such\n\nbody\n", None),
        ("Content-Type: text/plain; charset=ascii\nContent-Transfer-Encoding: 8bit\n\n\u00fc\n", None),
        ("Content-Type: text/plain\nContent-Disposition: attachment; filename=a\n\nbody\n", None),
        ("Content-Type: text/plain\n\n>From here\n", None),
    ],
)
def test_only_unambiguous_bodies_are_used(raw: str, body: str | None) -> None:
    import email

    assert body_of(email.message_from_bytes(raw.encode())) == body


def test_messages_without_an_id_are_not_read_from_exports() -> None:
    assert list(read(packed("From a b\nSubject: 1\n\nbody\n"))) == []
    assert dict(read(packed("From a b\nMessage-ID: <abc@example.com>\n\nbody\n"))) == {
        "OYHKWRDNPBPKMOWYLNPKMCEOE6ZX65KG": "body\n"
    }


def test_the_previous_and_the_next_month() -> None:
    from datetime import date

    assert month_before(date(2025, 1, 1)) == date(2024, 12, 1)
    assert month_before(date(2025, 12, 1)) == date(2025, 11, 1)
    assert following(date(2025, 12, 1)) == date(2026, 1, 1)
    assert following(date(2024, 1, 1)) == date(2024, 2, 1)


def test_undated_messages_cause_no_export() -> None:
    class NoExports:
        def export(self, *args: Any) -> bytes:
            raise AssertionError

    from trackers.mailing_list.parse import Listed

    undated = {str(n): Listed(str(n), "", "", "", None) for n in range(50)}
    assert Exports(NoExports(), BOOST).bodies(undated) == {}
