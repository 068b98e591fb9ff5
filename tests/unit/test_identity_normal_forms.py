from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackers.identity.normal_forms import email_key, is_shared, name_key


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("Jan.Roe+boost@GoogleMail.com", "janroe@gmail.com"),
        ("mailto:Jan.Roe@Example.org", "jan.roe@example.org"),
        ("<jan.roe+x@example.org>", "jan.roe@example.org"),
        ("4242+jroe@users.noreply.github.com", "4242+jroe@users.noreply.github.com"),
        ("root@localhost", ""),
        ("a b@example.org", ""),
        ("a@b@example.org", ""),
        ("", ""),
    ],
)
def test_addresses(address: str, key: str) -> None:
    assert email_key(address) == key


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Roe, Jan (Acme)", "jan roe"),
        ("Björn Äxample", "bjorn axample"),
        ("Jan Roe via Boost", "jan roe"),
        ("Jan Roe, Jr.", "jan roe"),
        ("Dr. Jan-Erik O’Roe", "jan erik oroe"),
        ("Łukasz Søren", "lukasz soren"),
        ("陈 伟", "陈 伟"),
        ("", ""),
    ],
)
def test_names(name: str, key: str) -> None:
    assert name_key(name) == key


@given(st.text())
def test_normal_forms_are_stable(text: str) -> None:
    assert email_key(email_key(text)) == email_key(text)
    assert name_key(name_key(text)) == name_key(text)


@pytest.mark.parametrize(
    "address",
    [
        "noreply@x.org",
        "boost@lists.boost.org",
        "x-bounces@y.org",
        "me@box.local",
        "root@localhost",
        "Info@x.org",
    ],
)
def test_shared_addresses(address: str) -> None:
    assert is_shared(address)


def test_personal_addresses() -> None:
    assert not is_shared("jan@example.org")
    assert not is_shared("1+jroe@users.noreply.github.com")
