"""The channels of the community: on Slack, on its Discord server, on YouTube; and the committee's papers."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from random import Random

from sandbox.community.accounts import TEAMS
from sandbox.community.clock import START
from sandbox.community.ids import slack_id, snowflake, spread
from sandbox.community.places import DiscordChannel, Forum, Renaming, SlackChannel, VideoChannel

TEAM_NAMES = dict(zip(TEAMS, ("Cpplang", "C++ Alliance"), strict=True))
SLACK_CHANNELS = {
    "T0CPPLANG1": (
        "general boost cmake learn future_standards tools conferences embedded jobs 日本語 old-room"
    ).split(),
    "T0CPPALLI2": "general ci docs boost-site huddle-notes".split(),
}
DISCORD_SERVER = snowflake(START - timedelta(days=2000), 7)
DISCORD_SERVER_NAME = "Together C & C++"
DISCORD_CHANNELS = (
    ("Information", "announcements", "news"),
    ("C & C++ Together", "general", "text"),
    ("C & C++ Together", "cpp-discussion", "text"),
    ("C & C++ Together", "help", "forum"),
    ("Libraries", "boost", "text"),
    ("Libraries", "help", "text"),
    ("Libraries", "show-and-tell", "forum"),
    ("Off topic", "雑談", "text"),
)
"""Category, name, type. Two channels have the same name."""
VIDEO_CHANNELS = {
    "CppCon": ("UCMlGfpWw-RUdWX_JbLCukXg", timedelta(days=2)),
    "Meeting C++": ("UCX9pk4YzHFcl3MsHIYBlEKg", timedelta(days=6)),
    "C++Now": ("UCEfngwe09zvd9KAL33YJSQQ", timedelta(days=5)),
    "C++ in the Morning": ("UCXTpTQHR7li1_HkUyAIUjkQ", timedelta(days=12)),
    "Templates for Breakfast": ("UCQ-W1KE9EYfdxhL6S4twUNw", timedelta(days=20)),
    "Undefined Behaviour Club": ("UCEqgmyWChwmqyRdmnsS24Zw", timedelta(days=30)),
}
"""Ids and how often a video appears. The first three are conferences."""
QUIETEST, BUSIEST = timedelta(hours=40), timedelta(hours=3)
CLOSED = ("old-room",)
PAPERS = Forum(platform="wg21", name="papers", kinds=("paper",), every=timedelta(hours=9))
"""Each topic is a paper by somebody who writes papers."""


def _every(rng: Random) -> timedelta:
    """Return how often a topic begins: a few channels are busy, most are quiet."""
    return max(BUSIEST, QUIETEST / rng.paretovariate(0.9))


@lru_cache(maxsize=8)
def slack_channels(seed: int) -> tuple[SlackChannel, ...]:
    """Return the public channels of all workspaces."""
    named = [(team, name) for team, names in SLACK_CHANNELS.items() for name in names]
    return tuple(_slack_channel(seed, number, *found) for number, found in enumerate(named))


def _slack_channel(seed: int, number: int, team: str, name: str) -> SlackChannel:
    rng = Random(f"{seed}/slack/{team}/{name}")
    return SlackChannel(
        name=f"{team}/{name}",
        team=team,
        id=slack_id("C", spread(rng, number + 36, 36**4)),
        purpose=rng.choice(("", f"Everything on {name}", f"{name}: questions welcome :wave:")),
        creator=rng.randrange(50),
        every=_every(rng),
        replies=rng.choice((1.0, 3.0, 6.0)),
        bots=rng.choice((0.0, 0.05)),
        closed_at=START + timedelta(days=rng.randrange(5, 40)) if name in CLOSED else None,
        renaming=Renaming(f"{name}-talk", START + timedelta(days=rng.randrange(1, 60)))
        if name != "general" and rng.random() < 0.1
        else None,
    )


@lru_cache(maxsize=8)
def discord_channels(seed: int) -> tuple[DiscordChannel, ...]:
    """Return the channels of the server."""
    return tuple(_discord_channel(seed, number, *found) for number, found in enumerate(DISCORD_CHANNELS))


def _discord_channel(seed: int, number: int, category: str, name: str, kind: str) -> DiscordChannel:
    rng = Random(f"{seed}/discord/{category}/{name}")
    return DiscordChannel(
        name=f"{category}/{name}",
        id=snowflake(START - timedelta(seconds=rng.randrange(86_400, 86_400 * 1900)), number),
        server=DISCORD_SERVER,
        category=category,
        type=kind,
        every=_every(rng),
        replies=rng.choice((1.0, 3.0, 6.0)),
        bots=rng.choice((0.0, 0.05)),
    )


def video_channels() -> tuple[VideoChannel, ...]:
    """Return the channels that show talks."""
    return tuple(
        VideoChannel(name=title, id=channel_id, every=every)
        for title, (channel_id, every) in VIDEO_CHANNELS.items()
    )
