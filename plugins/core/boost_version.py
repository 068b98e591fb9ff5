"""Boost's version numbers in each of their spellings. Pure."""

from __future__ import annotations

import re

Version = tuple[int, int, int]
PREFIX = re.compile(r"^boost[-_]", re.IGNORECASE)
STABLE_TAG = re.compile(r"^boost-(\d+)\.(\d+)\.(\d+)$")


def pack(version: Version) -> int:
    """Write a version as one sortable number: major * 100000 + minor * 100 + patch."""
    major, minor, patch = version
    if major < 0 or not 0 <= minor <= 999 or not 0 <= patch <= 99:
        raise ValueError(f"not a Boost version: {version}")
    return major * 100_000 + minor * 100 + patch


def unpack(number: int) -> Version:
    """Return the version that `pack` wrote as `number`."""
    if number < 0:
        raise ValueError(f"a packed version must not be negative: {number}")
    return number // 100_000, number % 100_000 // 100, number % 100


def parse(text: str) -> Version | None:
    """Read `1.86.0`, `boost-1.86.0` or `1_86_0`; None for anything else, betas included."""
    parts = PREFIX.sub("", text.strip(), count=1).replace("_", ".").split(".")[:3]
    if not all(re.fullmatch(r"\d+", part, re.ASCII) for part in parts):
        return None
    major, minor, patch = [*map(int, parts), 0, 0][:3]
    return (major, minor, patch) if minor <= 999 and patch <= 99 else None


def encode(text: str) -> int | None:
    """Return a version's text as one sortable number; None if it is not a version."""
    version = parse(text)
    return None if version is None else pack(version)


def loose(text: str) -> Version:
    """Read the first digits of each of the three parts; a part without digits is 0."""
    found = [re.search(r"\d+", part) for part in text.replace("_", ".").split(".")[:3]]
    major, minor, patch = [*(int(m.group()) if m else 0 for m in found), 0, 0, 0][:3]
    return major, minor, patch


def normalise(text: str) -> str | None:
    """Write a version with dots and without its prefix; None unless it starts with a number above 0."""
    dotted = re.sub("[-_]", ".", re.sub(r"^boost-", "", text.strip()))
    if not re.match(r"[1-9]\d*(\.|$)", dotted):
        return None
    return f"{dotted}.0" if dotted.count(".") == 1 else dotted


def compare(left: Version | str | int, right: Version | str | int) -> int:
    """Return -1, 0 or 1, as `left` is older than, equal to or newer than `right`."""
    a, b = _tuple(left), _tuple(right)
    return (a > b) - (a < b)


def _tuple(value: Version | str | int) -> Version:
    if isinstance(value, int):
        return unpack(value)
    return loose(value) if isinstance(value, str) else value


def stable_tag(text: str, minimum: Version = (0, 0, 0)) -> str | None:
    """Return the tag if it names a release, not a beta, that is not older than `minimum`."""
    match = STABLE_TAG.match(text.strip())
    if match is None:
        return None
    major, minor, patch = map(int, match.groups())
    return match.group(0) if (major, minor, patch) >= minimum else None
