from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackers.mailing_list.parse import (
    header_text,
    message_hash_of,
    page_url,
    parse_listed,
    parse_message,
    sender_address,
    tail,
)

LIST = "boost@lists.boost.org"


def detail(**changes: Any) -> dict[str, Any]:
    return {
        "url": f"https://h/archives/api/list/{LIST}/email/HASH/",
        "message_id": "abc@example.com",
        "message_id_hash": "HASH",
        "thread": f"https://h/archives/api/list/{LIST}/thread/789/",
        "parent": f"https://h/archives/api/list/{LIST}/email/456/",
        "sender": {"address": "user (a) example.com", "mailman_id": None, "emails": None},
        "sender_name": "Jan Roe",
        "subject": " Subject ",
        "date": "2024-06-15T10:00:00+02:00",
        "content": "Body\x00\n",
        "attachments": [
            {"name": "a.cpp", "content_type": "text/x-c++src", "size": 3, "download": "https://h/x/a.cpp"}
        ],
    } | changes


def test_a_message() -> None:
    message = parse_message(detail(), LIST)
    assert message is not None
    assert (message.sender_address, message.thread_hash, message.parent_hash) == (
        "user@example.com",
        "789",
        "456",
    )
    assert message.sent_at == datetime(2024, 6, 15, 8, tzinfo=UTC)
    assert (message.subject, message.content, message.warnings) == ("Subject", "Body", ())
    assert message.url == f"https://h/archives/list/{LIST}/message/HASH/"
    assert message.attachments == (
        {"name": "a.cpp", "content_type": "text/x-c++src", "size": 3, "path": "/x/a.cpp"},
    )


def test_missing_fields_are_empty_and_cause_warnings() -> None:
    message = parse_message({"message_id_hash": "HASH", "sender": None, "date": "not-a-date"}, LIST)
    assert message is not None
    assert (message.sender_address, message.sender_name, message.sent_at) == ("", "", None)
    assert message.warnings == ("no sender_address", "unreadable date")


@pytest.mark.parametrize("value", ["", "  ", None, "x" * 256])
def test_a_message_without_a_usable_hash_is_ignored(value: object) -> None:
    assert parse_message(detail(message_id_hash=value), LIST) is None


def test_a_long_subject_is_cut_with_a_warning() -> None:
    message = parse_message(detail(subject="x" * 2000), LIST)
    assert message is not None
    assert len(message.subject) == 1024
    assert message.warnings == ("subject cut",)


@pytest.mark.parametrize(
    ("raw", "address"),
    [
        ("Jan.Roe (a) Example.org", "jan.roe@example.org"),
        ("user [at] lists.boost.org", "user@lists.boost.org"),
        ("u(at)v.org", "u@v.org"),
        ("somebody AT example.com", "somebody@example.com"),
        ("Pat at Home (a) example.org", ""),
        ("  <jan@example.org> ", "jan@example.org"),
        ("(jan@example.org)", "jan@example.org"),
        ("jan@localhost", ""),
        ("", ""),
    ],
)
def test_addresses(raw: str, address: str) -> None:
    assert sender_address(raw) == address


@pytest.mark.parametrize(
    ("url", "end"),
    [("https://h/api/thread/456/", "456"), ("https://x/y/z", "z"), ("plain", "plain"), ("", ""), (None, "")],
)
def test_the_last_segment_of_a_url(url: str | None, end: str) -> None:
    assert tail(url) == end


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("=?utf-8?q?J=C3=B6rg?=", "Jörg"),
        (" plain ", "plain"),
        ("=?no-such-charset?q?x?=", "=?no-such-charset?q?x?="),
        ("ab\x00cd", "abcd"),
        (None, ""),
        ("half \ud800 pair", "half ? pair"),
    ],
)
def test_decoding_headers(raw: str | None, text: str) -> None:
    assert header_text(raw) == text


def test_hashes_are_those_of_mailman() -> None:
    assert message_hash_of("<abc@example.com>") == "OYHKWRDNPBPKMOWYLNPKMCEOE6ZX65KG"
    assert message_hash_of("abc@example.com") == "OYHKWRDNPBPKMOWYLNPKMCEOE6ZX65KG"


def test_an_index_item_without_a_link_is_ignored() -> None:
    assert parse_listed({"message_id_hash": "X"}) is None
    assert parse_listed({}) is None
    listed = parse_listed({"url": "https://h/email/X/"})
    assert listed is not None
    assert listed.message_hash == "X"


def test_an_empty_url_has_no_page() -> None:
    assert page_url("") == ""


@given(
    st.dictionaries(
        st.sampled_from(sorted(detail())), st.none() | st.text() | st.integers() | st.lists(st.none())
    )
)
def test_the_parser_fails_on_no_payload(changes: dict[str, Any]) -> None:
    message = parse_message(detail(**changes), LIST)
    if message is not None:
        assert "\x00" not in message.content + message.subject + message.sender_name
        assert len(message.content_hash) == 64
    parse_listed(detail(**changes))
