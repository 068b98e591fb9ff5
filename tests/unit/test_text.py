from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.text import (
    clean_discord_text,
    clean_text,
    filter_sentence,
    one_line,
    sanitize_filename,
    title_in_file_name,
    truncate_content,
    validate_content_length,
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("foo%20bar.txt", "foo_bar.txt"),
        ("a:b*c?.md", "a_b_c_.md"),
        ("CON.txt", "CON_.txt"),
        ("LPT1", "LPT1_"),
        ("nul", "nul_"),
        ("com10.txt", "com10.txt"),
        ("A &amp; B.pdf", "A_B.pdf"),
        ("C++ guide.pdf", "C_guide.pdf"),
        ("naïve résumé.txt", "naïve_résumé.txt"),
        ("___", "downloaded_file"),
        ("..", "downloaded_file"),
        ("", "downloaded_file"),
        (":smile: report.pdf", "report.pdf"),
        ("x" * 300 + ".pdf", "x" * 196 + ".pdf"),
    ],
)
def test_file_names(name: str, expected: str) -> None:
    assert sanitize_filename(name) == expected


@given(st.text())
def test_any_text_becomes_a_valid_file_name(text: str) -> None:
    name = sanitize_filename(text)
    assert 0 < len(name) <= 201
    assert len(name.encode()) <= 241
    assert not set(name) & set('/\\:*?"<>|\x00')


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, ""),
        ("  Hello   world  ", "Hello world"),
        ("Text\n\n\n\nMore", "Text\n\nMore"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("Tom &amp; Jerry", "Tom & Jerry"),
        ("wait…", "wait..."),
        ("a&nbsp;b", "a b"),
        ("a\x00b\x07c", "abc"),
        ("zero\u200bwidth", "zerowidth"),
    ],
)
def test_clean_text(text: str | None, expected: str) -> None:
    assert clean_text(text) == expected


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("Hi there, can you help?", "there, can you help?"),
        ("ok sure", ""),
        ("The thing is great but slow to compile", "the thing is but slow to compile"),
        ("sup supper is ready now", "supper is ready now"),
    ],
)
def test_filter_sentence(sentence: str, expected: str) -> None:
    assert filter_sentence(sentence) == expected


def test_discord_mentions_and_emoji() -> None:
    text = "<@123> hello <:boost:55> see <#9> <a:wave:7> cool"
    assert clean_discord_text(text) == ":boost: see :wave: cool"


def test_truncating() -> None:
    assert [truncate_content("abcdef", n) for n in (5, 6, 3)] == ["ab...", "abcdef", "abc"]
    with pytest.raises(ValueError, match="negative"):
        truncate_content("x", -1)


def test_minimum_length() -> None:
    assert validate_content_length("x" * 50)
    assert not validate_content_length(" " * 60)
    assert not validate_content_length(None)


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ('Unsafe /:*?"<>|chars', "Unsafe chars"),
        ("  two\nlines\tand\x00more ", "two lines andmore"),
        ("...", "issue-7"),
        ("???", "issue-7"),
        ("x" * 99 + ". y", "x" * 99),
        ("語" * 100, "語" * 66),
    ],
)
def test_titles_in_file_names(title: str, expected: str) -> None:
    assert title_in_file_name(title, "issue-7") == expected


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("boostorg/boost: 3 new, naïve 👨‍👩", "boostorg/boost: 3 new, naïve 👨‍👩"),
        ("a\nb\r\x1b[2J\x00\x85", r"a\nb\r\x1b[2J\x00\x85"),
        ("a\u2028b\u202ec\ud800", r"a\u2028b\u202ec\ud800"),
        ("x::group::y", "x: :group::y"),
        ("::::endgroup::", "::: :endgroup::"),
        ("std::vector boost::group", "std::vector boost::group"),
    ],
)
def test_lines_of_a_log(text: str, shown: str) -> None:
    assert one_line(text) == shown
