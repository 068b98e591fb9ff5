from __future__ import annotations

import pytest

from core.clock import FixedClock
from core.errors import ConfigurationError, NotFound, SourceUnavailable, UnexpectedPayload
from hooks.api import Response
from hooks.mailing_list_hook import MailingListHook
from sandbox.faults import Fault
from sandbox.world import World
from tests.mail import BOOST, add_list, entry


@pytest.fixture
def hook(hyperkitty: object, clock: FixedClock) -> MailingListHook:
    return MailingListHook(clock=clock)


def test_a_shown_address_contains_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    host = "https://user:secret@lists.example.org/archives"
    monkeypatch.setenv("AIRFLOW_CONN_HYPERKITTY_BOOST", f'{{"conn_type": "hyperkitty", "host": "{host}"}}')
    assert MailingListHook().archive_url(BOOST) == f"https://lists.example.org/archives/list/{BOOST}/"


def test_a_page_of_the_index(hook: MailingListHook, world: World) -> None:
    add_list(world, 250)
    page = hook.index_page(BOOST, 100)
    assert (page.offset, page.count, len(page.items)) == (100, 250, 100)
    assert page.items[0]["message_id"] == "149@example.org"
    assert list(world.traffic.recent) == [
        f"GET /hyperkitty/archives/api/list/{BOOST}/emails/?limit=100&offset=100"
    ]


def test_a_list_that_does_not_exist(hook: MailingListHook, world: World) -> None:
    add_list(world, 1)
    with pytest.raises(
        ConfigurationError, match=r"no list bost@lists.boost.org; correct the param list_names"
    ):
        hook.index_page("bost@lists.boost.org", 0)
    assert [r.split("archives")[1] for r in world.traffic.recent] == [
        "/api/list/bost@lists.boost.org/emails/?limit=100&offset=0",
        "/api/list/bost@lists.boost.org/",
        "/api/list/bost@lists.boost.org/emails/?limit=100&offset=0",
    ]


def test_a_failing_archive_without_list_pages_is_not_a_missing_list(
    hook: MailingListHook, world: World
) -> None:
    add_list(world, 3)
    world.faults.append(Fault(path="emails", status=500, times=1))
    world.faults.append(Fault(path=f"list/{BOOST}/$", status=404))
    assert hook.index_page(BOOST, 0).count == 3


def test_a_failing_index_of_an_existing_list_is_retried(hook: MailingListHook, world: World) -> None:
    add_list(world, 3)
    world.faults.append(Fault(path="emails", status=500, times=2))
    assert hook.index_page(BOOST, 0).count == 3
    world.faults.append(Fault(path="emails", status=500))
    with pytest.raises(SourceUnavailable):
        hook.index_page(BOOST, 0)


def test_an_index_without_results_is_an_error(hook: MailingListHook, world: World) -> None:
    world.faults.append(Fault(path="emails", kind="body", body='{"detail": "hello"}'))
    with pytest.raises(UnexpectedPayload, match="no `results`"):
        hook.index_page(BOOST, 0)


@pytest.mark.parametrize(("fields", "count"), [("", 2), (', "count": 0', 2), (', "count": 9', 9)])
def test_the_next_link_overrides_the_count(
    hook: MailingListHook, world: World, fields: str, count: int
) -> None:
    body = '{"next": "http://x/", "results": [{"url": "http://x/"}]' + fields + "}"
    world.faults.append(Fault(path="emails", kind="body", body=body))
    assert hook.index_page(BOOST, 0).count == count


def test_messages_come_in_order_with_their_errors(hook: MailingListHook, world: World) -> None:
    add_list(world, 5)
    wanted = [entry(n).message_hash for n in (3, 77, 1)]
    found = list(hook.messages(BOOST, wanted))
    assert [h for h, _ in found] == wanted
    assert isinstance(found[0][1], Response)
    assert isinstance(found[1][1], NotFound)
    assert isinstance(found[2][1], Response)


def test_the_test_button(hook: MailingListHook, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    add_list(world, 1)
    assert hook.test_connection() == (True, f"1 public lists: {BOOST}")
    world.faults.append(Fault(path="lists", kind="body", body="{}"))
    good, text = hook.test_connection()
    assert not good
    assert "/archives" in text
    monkeypatch.setenv(
        "AIRFLOW_CONN_HYPERKITTY_BOOST", '{"conn_type": "hyperkitty", "host": "http://127.0.0.1:9"}'
    )
    good, text = MailingListHook(clock=FixedClock()).test_connection()
    assert (good, "connection failed" in text) == (False, True)


def test_a_missing_connection_names_where_to_create_it() -> None:
    with pytest.raises(ConfigurationError, match=r"Admin > Connections.*AIRFLOW_CONN_HYPERKITTY_BOOST"):
        MailingListHook().client()


def test_a_connection_without_host_shows_an_example(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_HYPERKITTY_BOOST", '{"conn_type": "hyperkitty"}')
    with pytest.raises(ConfigurationError, match=r"https://lists.boost.org/archives"):
        MailingListHook().client()


@pytest.mark.parametrize(
    ("connection", "base"),
    [
        ('{"conn_type": "hyperkitty", "host": "https://l.example/archives/"}', "https://l.example/archives"),
        ('{"conn_type": "hyperkitty", "host": "l.example/archives"}', "https://l.example/archives"),
        (
            '{"conn_type": "hyperkitty", "host": "l.example", "schema": "http", "port": 81}',
            "http://l.example:81",
        ),
    ],
)
def test_the_forms_of_the_base_address(monkeypatch: pytest.MonkeyPatch, connection: str, base: str) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_HYPERKITTY_BOOST", connection)
    assert MailingListHook().base_url() == base
