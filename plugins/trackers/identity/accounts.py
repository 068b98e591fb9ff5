"""What a batch of payloads shows of accounts: every name, address and value once. Pure."""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeAlias, TypeVar

from trackers.identity.normal_forms import email_key, is_shared, name_key
from trackers.identity.platforms import AS_OF, DISPLAY_NAME, Platform
from trackers.identity.tables import LONGEST_NAME

Key: TypeAlias = "str | int"
Value: TypeAlias = "str | int | bool"
Row: TypeAlias = dict[str, Any]
Span: TypeAlias = "tuple[datetime, datetime] | None"
S = TypeVar("S", bound="tuple[Any, ...]")
LONGEST_EMAIL = 255
LONG_AGO = datetime.min.replace(tzinfo=UTC)
"""Of a value without a time; any other is newer."""
FAR_AHEAD = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Account:
    """An account as a payload shows it.

    :param key: what identifies it: the account's id or, if there is none, a key made of what is shown.
    :param name: the display name; empty if the payload has none.
    :param values: other columns of the platform's table; None and an empty text replace nothing.
    :param aliases: other names that the payload shows.
    :param seen_at: when the account was like this: when the payload was fetched, if the source shows accounts
        as they are; the item's own time, if it shows them as they were, as mails do.
    :param seen_until: the last such time if several payloads show the account like this.
    """

    key: Key
    name: str = ""
    values: Mapping[str, Value | None] = field(default_factory=dict)
    aliases: Iterable[str] = ()
    emails: Iterable[str] = ()
    seen_at: datetime | None = None
    seen_until: datetime | None = None

    @property
    def span(self) -> Span:
        """When the account was seen, first and last; None if that is unknown."""
        return (self.seen_at, self.seen_until or self.seen_at) if self.seen_at else None


class Sightings:
    """What a batch shows of accounts, merged by key."""

    def __init__(self, platform: Platform, accounts: Iterable[Account]) -> None:
        self._platform = platform
        self._names: dict[tuple[Key, str, str], Span] = {}
        self._emails: dict[tuple[Key, str], Span] = {}
        self._newest: dict[Key, dict[str, tuple[datetime, Value]]] = {}
        columns = platform.table.columns
        self._lengths = {name: getattr(columns[name].type, "length", None) for name in platform.newest}
        self._key_type = columns[platform.key].type.python_type
        for account in accounts:
            self._add(account)

    @property
    def keys(self) -> list[Key]:
        """The keys of the accounts, sorted."""
        return sorted(self._newest)

    def new_accounts(self, known: Container[Key]) -> list[Row]:
        """Return the accounts that are not known, sorted by key."""
        names = self._first_names() if self._platform.named_by_earliest else {}
        unknown = [key for key in self.keys if key not in known]
        return [{self._platform.key: key, DISPLAY_NAME: names.get(key, "")} for key in unknown]

    def newest(self, ids: Mapping[Key, int]) -> list[Row]:
        """Return the newest values of the accounts, each with the time it is of."""
        return [
            {
                "profile_id": ids[key],
                **{column: value for column, (_, value) in values.items()},
                AS_OF: {column: _written(seen_at) for column, (seen_at, _) in values.items()},
            }
            for key, values in self._newest.items()
            if values
        ]

    def names(self, ids: Mapping[Key, int]) -> list[Row]:
        """Return the names of these accounts."""
        return [
            {
                "profile_id": ids[key],
                "kind": kind,
                "name": name,
                "name_key": name_key(name)[:LONGEST_NAME],
                **_ends(span),
            }
            for (key, kind, name), span in self._names.items()
        ]

    def emails(self, ids: Mapping[Key, int]) -> list[Row]:
        """Return the addresses of these accounts."""
        return [
            {
                "profile_id": ids[key],
                "email": email,
                "email_key": email_key(email)[:LONGEST_EMAIL],
                "is_shared": is_shared(email),
                **_ends(span),
            }
            for (key, email), span in self._emails.items()
        ]

    def _add(self, account: Account) -> None:
        key, span = account.key, account.span
        if not isinstance(key, self._key_type) or not str(key).strip():
            raise ValueError(f"{self._platform.name}: an account without a usable {self._platform.key}")
        if span and not (span[0].tzinfo and span[1].tzinfo):
            raise ValueError(f"{self._platform.name}: an account was seen at a time without a zone")
        for kind, shown in self._shown_names(account):
            if name := shown.strip()[:LONGEST_NAME]:
                self._names[key, kind, name] = _widened(self._names.get((key, kind, name)), span)
        for shown in account.emails:
            if email := shown.strip().lower()[:LONGEST_EMAIL]:
                self._emails[key, email] = _widened(self._emails.get((key, email)), span)
        newest = self._newest.setdefault(key, {})
        seen_at = span[1] if span else LONG_AGO
        for column, value in self._shown_values(account):
            sighting = (seen_at, value)
            if column not in newest or _order(newest[column]) < _order(sighting):
                newest[column] = sighting

    def _shown_names(self, account: Account) -> Iterator[tuple[str, str]]:
        yield "name", account.name
        for alias in account.aliases:
            yield "name", alias
        yield "login", str(account.values.get(self._platform.login) or "")

    def _shown_values(self, account: Account) -> Iterator[tuple[str, Value]]:
        named = {} if self._platform.named_by_earliest else {DISPLAY_NAME: account.name.strip()}
        for column, value in (named | dict(account.values)).items():
            if column not in self._lengths:
                raise ValueError(f"{self._platform.name}: accounts have no column {column}")
            if isinstance(value, str):
                value = value[: self._lengths[column]]
            if value is not None and value != "":
                yield column, value

    def _first_names(self) -> dict[Key, str]:
        """Return what to call accounts: their first name, else the local part of their first address."""
        called: dict[Key, str] = dict.fromkeys(self._newest, self._platform.unnamed)
        for key, email in _latest_first(self._emails):
            called[key] = email.partition("@")[0] or called[key]
        for key, kind, name in _latest_first(self._names):
            if kind == "name":
                called[key] = name
        return called


def _widened(span: Span, other: Span) -> Span:
    if span and other:
        return min(span[0], other[0]), max(span[1], other[1])
    return span or other


def _ends(span: Span) -> Row:
    first, last = span or (None, None)
    return {"first": first and first.isoformat(), "last": last and last.isoformat()}


def _latest_first(seen: Mapping[S, Span]) -> list[S]:
    """Return names or addresses, those without a time before all others and the first one last."""

    def age(sighting: S) -> tuple[datetime, str]:
        span = seen[sighting]
        return (span[0] if span else FAR_AHEAD), sighting[-1]

    return sorted(seen, key=age, reverse=True)


def _written(seen_at: datetime) -> str:
    return "-infinity" if seen_at == LONG_AGO else seen_at.isoformat()


def _order(sighting: tuple[datetime, Value]) -> tuple[datetime, str]:
    """Return what the newest value is found by. PostgreSQL compares in the same way."""
    seen_at, value = sighting
    return seen_at, value if isinstance(value, str) else json.dumps(value)
