"""The places where the community meets. Each exists once, and any number of services may show it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sandbox.community.clock import START


@dataclass(frozen=True)
class Renaming:
    """That something had another name before."""

    former: str
    at: datetime


def name_at(name: str, renaming: Renaming | None, moment: datetime) -> str:
    """Return what something that is now called `name` was called at that time."""
    return renaming.former if renaming and moment < renaming.at else name


@dataclass(frozen=True, kw_only=True)
class Place:
    """A repository, a channel, a mailing list."""

    platform: str
    name: str

    @property
    def key(self) -> str:
        """The name that no other place has; it also names the random streams of the place."""
        return f"{self.platform}/{self.name}"


@dataclass(frozen=True, kw_only=True)
class Forum(Place):
    """A place with topics: somebody begins one, others reply.

    :param kinds: what a topic can be.
    :param every: how often a topic begins.
    :param replies: the mean number of replies to a topic.
    :param gap: the mean time between two of them.
    :param bots: the share of topics that bots begin.
    :param opened_at: when it was made.
    :param closed_at: when it was archived; nothing happens there afterwards.
    """

    kinds: tuple[str, ...]
    every: timedelta
    replies: float = 0.0
    gap: timedelta = timedelta(hours=30)
    bots: float = 0.0
    opened_at: datetime = START
    closed_at: datetime | None = None
    renaming: Renaming | None = None

    @property
    def audience(self) -> str:
        """The platform, or the part of it, on which one needs an account to take part."""
        return self.platform


@dataclass(frozen=True, kw_only=True)
class OpenForum(Forum):
    """A forum whose authors need no account, such as those who wrote a commit or gave a talk."""

    @property
    def audience(self) -> str:
        """No platform."""
        return ""


@dataclass(frozen=True, kw_only=True)
class Repository(Forum):
    """A repository on GitHub; `name` is its full name, as `boostorg/asio`."""

    platform: str = "github"
    kinds: tuple[str, ...] = ("issue", "pull request")
    id: int
    default_branch: str
    description: str
    languages: tuple[tuple[str, int], ...]
    created_at: datetime

    @property
    def owner(self) -> str:
        """The organisation that it belongs to."""
        return self.name.partition("/")[0]

    @property
    def short_name(self) -> str:
        """The name without the owner."""
        return self.name.partition("/")[2]

    @property
    def commits(self) -> CommitLog:
        """What is committed to the default branch."""
        return CommitLog(
            name=f"{self.name}/commits",
            every=self.every / 2,
            bots=self.bots,
            closed_at=self.closed_at,
        )


@dataclass(frozen=True, kw_only=True)
class CommitLog(OpenForum):
    """The commits to a repository, as topics without replies."""

    platform: str = "github"
    kinds: tuple[str, ...] = ("commit",)


@dataclass(frozen=True, kw_only=True)
class SlackChannel(Forum):
    """A public channel of a Slack workspace; `name` contains the team, as `T…/boost`."""

    platform: str = "slack"
    kinds: tuple[str, ...] = ("message",)
    gap: timedelta = timedelta(minutes=9)
    id: str
    team: str
    purpose: str
    creator: int

    @property
    def audience(self) -> str:
        """The workspace: the key without the channel."""
        return self.key.rpartition("/")[0]


@dataclass(frozen=True, kw_only=True)
class DiscordChannel(Forum):
    """A channel of a Discord server; in a `forum`, each topic is a thread. `name` contains the category."""

    platform: str = "discord"
    kinds: tuple[str, ...] = ("message",)
    gap: timedelta = timedelta(minutes=6)
    id: int
    server: int
    category: str
    type: str


@dataclass(frozen=True, kw_only=True)
class VideoChannel(OpenForum):
    """A channel on YouTube, whose topics are videos. Anybody can be a speaker."""

    platform: str = "youtube"
    kinds: tuple[str, ...] = ("video",)
    id: str
