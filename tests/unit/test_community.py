"""The people of the sandbox's community, their accounts, and the places where they meet."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from sandbox.community import Community, accounts, channels, people, repositories, topics
from sandbox.community.bots import DISCORD_BOTS, GHOST, GITHUB_BOTS, ORGANISATIONS, SLACK_BOTS
from sandbox.community.clock import PER_MESSAGE, START, Clock, messages_by
from sandbox.community.ids import node_id, slack_id, snowflake
from sandbox.community.mail import LISTS, received
from sandbox.community.pace import Pace

COMMUNITY = Community(7)
EVERYBODY = range(COMMUNITY.people)
ACCOUNTS = [COMMUNITY.accounts(number) for number in EVERYBODY]
CACHED = (
    people.person,
    accounts.accounts_of,
    repositories.all_repositories,
    channels.slack_channels,
    channels.discord_channels,
    topics.participants,
)


def digest(values: Iterable[Any]) -> str:
    text = json.dumps([value if isinstance(value, str) else asdict(value) for value in values], default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def forget() -> None:
    for function in CACHED:
        function.cache_clear()


# -- people and accounts ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("github", "05e3fe8144388b12"),
        ("second_github", "72741eb83c7d2c56"),
        ("slack", "3725af64268f8762"),
        ("discord", "2333bdfe15338878"),
        ("youtube", "4cdacfc19e5b640e"),
        ("wg21", "a7fa6e93ab78063f"),
        ("git", "ef018de71a6a55e4"),
    ],
)
def test_accounts_are_the_same_on_every_machine(part: str, expected: str) -> None:
    """If a change of one platform is intended, only its digest changes."""
    assert digest(str(getattr(found, part)) for found in ACCOUNTS) == expected


def test_people_are_the_same_on_every_machine() -> None:
    assert digest(map(COMMUNITY.person, EVERYBODY)) == "b3b7019060061a77"


def test_nobody_depends_on_who_was_generated_before() -> None:
    forget()
    backwards = [COMMUNITY.accounts(number) for number in reversed(EVERYBODY)]
    assert backwards[::-1] == ACCOUNTS
    forget()
    assert COMMUNITY.accounts(399) == ACCOUNTS[399]
    assert Community(7, people=2000).accounts(399) == ACCOUNTS[399]
    assert Community(8).accounts(399) != ACCOUNTS[399]


def test_some_people_have_no_account_on_a_platform() -> None:
    for part, least, most in (
        ("github", 0.65, 0.85),
        ("discord", 0.5, 0.7),
        ("wg21", 0.05, 0.2),
        ("youtube", 0.02, 0.1),
        ("second_github", 0.005, 0.08),
    ):
        assert least < sum(getattr(found, part) is not None for found in ACCOUNTS) / len(ACCOUNTS) < most, (
            part
        )
    for team, share in accounts.TEAMS.items():
        assert abs(sum(team in found.slack for found in ACCOUNTS) / len(ACCOUNTS) - share) < 0.1
    assert all(found.github for found in ACCOUNTS if found.second_github)


def github_accounts() -> list[accounts.GitHubAccount]:
    own = [account for found in ACCOUNTS for account in (found.github, found.second_github) if account]
    return [*own, *GITHUB_BOTS, *ORGANISATIONS, GHOST]


def test_ids_and_handles_belong_to_one_account() -> None:
    for values in (
        [account.id for account in github_accounts()],
        [account.node_id for account in github_accounts()],
        [login for a in github_accounts() for login in {a.login, a.login_at(START)}],
        [user.id for found in ACCOUNTS for user in found.slack.values()],
        [found.discord.id for found in ACCOUNTS if found.discord] + [bot.id for bot in DISCORD_BOTS],
        [found.discord.username for found in ACCOUNTS if found.discord],
        [found.youtube.id for found in ACCOUNTS if found.youtube],
        [place.id for place in COMMUNITY.repositories],
        [place.id for place in COMMUNITY.slack_channels],
        [place.id for place in COMMUNITY.discord_channels],
    ):
        assert [value for value, times in Counter(values).items() if times > 1] == []


def test_who_is_who_is_as_hard_to_tell_as_in_reality() -> None:
    names = Counter(COMMUNITY.person(number).name for number in EVERYBODY)
    assert max(names.values()) > 1
    owners: dict[str, set[int]] = {}
    for number, found in enumerate(ACCOUNTS):
        for _, address in found.git:
            owners.setdefault(address, set()).add(number)
    assert {address for address, numbers in owners.items() if len(numbers) > 1} <= {
        *accounts.SHARED_ADDRESSES
    }
    assert any(len(numbers) > 3 for numbers in owners.values())
    assert any(len(COMMUNITY.person(number).addresses) > 1 for number in EVERYBODY)
    with_both = [found for found in ACCOUNTS if found.github and found.discord]
    same = sum(
        f.github.login.replace("-", "_") == f.discord.username for f in with_both if f.github and f.discord
    )
    assert 0.4 < same / len(with_both) < 0.8
    assert {team: [user.id for user in users if not user.is_bot] for team, users in SLACK_BOTS.items()} == {
        team: ["USLACKBOT"] for team in accounts.TEAMS
    }


def test_a_renamed_account_has_its_old_name_before() -> None:
    renamed = [a for a in github_accounts() if a.renaming]
    assert len(renamed) > 10
    for account in renamed:
        assert account.renaming is not None
        before, after = account.renaming.at - timedelta(seconds=1), account.renaming.at
        assert (account.login_at(before), account.login_at(after)) == (account.renaming.former, account.login)
        assert (
            account.noreply_at(before) == f"{account.id}+{account.renaming.former}@users.noreply.github.com"
        )
    users = [user for found in ACCOUNTS for user in found.slack.values() if user.renaming]
    assert any(user.real_name_at(START) != user.real_name for user in users)
    assert any(f.discord.username_at(START) != f.discord.username for f in ACCOUNTS if f.discord)


def test_ids_have_the_platforms_forms() -> None:
    old, new = datetime(2016, 1, 1, tzinfo=UTC), datetime(2023, 1, 1, tzinfo=UTC)
    assert node_id("User", 583231, old) == "MDQ6VXNlcjU4MzIzMQ=="
    assert node_id("Bot", 49699333, old) == "MDM6Qm90NDk2OTkzMzM="
    assert node_id("Organization", 1, old) == "MDEyOk9yZ2FuaXphdGlvbjE="
    assert node_id("Repository", 1, old) == "MDEwOlJlcG9zaXRvcnkx"
    assert node_id("User", 100_000_000, new).startswith("U_kgDO")
    assert node_id("User", 60_000, new) != node_id("User", 60_001, new)
    assert slack_id("C", 35, length=4) == "C000Z"
    assert snowflake(datetime(2026, 1, 1, tzinfo=UTC), 0) == 1456074443980800000
    assert snowflake(datetime(2026, 2, 15, 14, 30, 25, 123_000, tzinfo=UTC), 0) == 1472600945975099392
    assert all(len(f.youtube.id) == 24 and f.youtube.id.startswith("UC") for f in ACCOUNTS if f.youtube)


# -- places and time -------------------------------------------------------------------------------------


def test_places_are_the_same_on_every_machine() -> None:
    found = {
        "github": digest(COMMUNITY.repositories),
        "slack": digest(COMMUNITY.slack_channels),
        "discord": digest(COMMUNITY.discord_channels),
        "youtube": digest(COMMUNITY.video_channels),
    }
    assert found == {
        "github": "c995345a52bd532c",
        "slack": "0319caac01316b44",
        "discord": "e827db8804607ded",
        "youtube": "e595277e8a651aff",
    }


def test_a_place_exists_once() -> None:
    places = (
        *COMMUNITY.mailing_lists,
        *COMMUNITY.repositories,
        *(place.commits for place in COMMUNITY.repositories),
        *COMMUNITY.slack_channels,
        *COMMUNITY.discord_channels,
        *COMMUNITY.video_channels,
        COMMUNITY.papers,
    )
    assert len({place.key for place in places}) == len(places)


def test_repositories_differ_as_real_ones_do() -> None:
    found = COMMUNITY.repositories
    paces = sorted(place.every for place in found)
    assert paces[0] * 40 < paces[len(paces) // 2]
    assert {place.default_branch for place in found} == {"develop", "master", "main"}
    assert any(place.closed_at for place in found)
    assert any(place.renaming for place in found)
    assert all(dict(place.languages)["C++"] and len(place.languages) == 3 for place in found)
    assert {place.owner for place in found} == {"boostorg", "cppalliance"}


def test_the_mailing_lists_share_all_messages() -> None:
    for total in range(300):
        counts = {name: received(name, total) for name in LISTS}
        assert sum(counts.values()) == total
        assert all(0 <= received(name, total + 1) - count <= 1 for name, count in counts.items())
    assert [received(name, 1200) for name in LISTS] == [60, 420, 720]


def test_the_clock_counts_hours_and_messages() -> None:
    clock = Clock()
    clock.advance(hours=1)
    assert (clock.now, messages_by(clock.now)) == (START + timedelta(hours=1), 0)
    clock.advance(messages=3)
    assert messages_by(clock.now) == 3
    assert messages_by(START + PER_MESSAGE * 1200) == 1200
    assert messages_by(START - timedelta(days=1)) == 0
    with pytest.raises(ValueError, match="does not go back"):
        clock.advance(messages=-1)


def test_events_are_counted_without_generating_them() -> None:
    pace, rng = Pace(7, "test", START, timedelta(hours=5)), Random(1)
    times = [pace.at(number) for number in range(200)]
    assert times == sorted(times)
    for _ in range(300):
        moment = START + timedelta(hours=rng.uniform(-10, 900))
        assert pace.count_by(moment) == sum(at <= moment for at in times)
    assert [pace.count_by(at) for at in times] == list(range(1, 201))
