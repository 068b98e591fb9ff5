"""The generated community: its people, where they meet, and what they do there. Deterministic, of any size.

It knows no service. Services show parts of it, each in its own shape.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from random import Random

from sandbox.community.accounts import Accounts, accounts_of
from sandbox.community.activity import Action, actions, text_of
from sandbox.community.channels import PAPERS, discord_channels, slack_channels, video_channels
from sandbox.community.clock import START
from sandbox.community.mail import LISTS, MailingList
from sandbox.community.people import PEOPLE, Person, person
from sandbox.community.places import DiscordChannel, Forum, Repository, SlackChannel, VideoChannel
from sandbox.community.repositories import all_repositories
from sandbox.community.topics import Topics


@dataclass(frozen=True)
class Community:
    """Everything that follows from a seed. How much of it has happened, a world's clock tells."""

    seed: int
    people: int = PEOPLE

    @property
    def repositories(self) -> tuple[Repository, ...]:
        """All repositories."""
        return all_repositories(self.seed)

    @property
    def slack_channels(self) -> tuple[SlackChannel, ...]:
        """The public channels of all Slack workspaces."""
        return slack_channels(self.seed)

    @property
    def discord_channels(self) -> tuple[DiscordChannel, ...]:
        """The channels of the Discord server."""
        return discord_channels(self.seed)

    @property
    def video_channels(self) -> tuple[VideoChannel, ...]:
        """The channels that show talks."""
        return video_channels()

    @property
    def papers(self) -> Forum:
        """Where the committee's papers appear, as topics."""
        return PAPERS

    @property
    def mailing_lists(self) -> tuple[MailingList, ...]:
        """All mailing lists. What is written there: `sandbox.community.mail`."""
        return tuple(LISTS.values())

    @property
    def topics(self) -> Topics:
        """The topics of all places."""
        return Topics(self.seed, self.people)

    def person(self, number: int) -> Person:
        """Return the person with this number; `people` is the number of them."""
        return person(self.seed, number)

    def accounts(self, number: int) -> Accounts:
        """Return the accounts of the person with this number."""
        return accounts_of(self.seed, number)

    def activity(self, places: Iterable[Forum], until: datetime, after: datetime = START) -> Iterator[Action]:
        """Yield in order what happens in some places after one moment and until another."""
        streams = (actions(self.topics, place, after, until) for place in places)
        return heapq.merge(*streams, key=lambda action: action.order)

    def text(self, action: Action) -> str:
        """Write the text of an action."""
        return text_of(self.topics, action)

    def random(self, key: str) -> Random:
        """Return a random stream for what only one service needs; the key begins with its name."""
        return Random(f"{self.seed}/service/{key}")
