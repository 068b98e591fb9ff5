"""The topics that people begin in places, and the discussions elsewhere that topics link to.

Every topic is found by its place and number, without generating those before it, so services that show the
same place, or link to it, agree on it. Chats link to repositories and mails, repositories link to mails.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from random import Random
from typing import NamedTuple

from sandbox.community import prose
from sandbox.community.accounts import accounts_of
from sandbox.community.clock import messages_by
from sandbox.community.mail import Mails, message_hash_of, received
from sandbox.community.pace import Pace
from sandbox.community.people import Person, person
from sandbox.community.places import Forum, Repository
from sandbox.community.repositories import all_repositories

DISCUSSED = ("boost@lists.boost.org", "boost-users@lists.boost.org")
ARCHIVE, GITHUB = "https://lists.boost.org/archives/list", "https://github.com"
PATHS = {"issue": "issues", "pull request": "pull"}
CHATS = frozenset(("slack", "discord"))


class Link(NamedTuple):
    """A link to a discussion that is held somewhere else, and its title there."""

    url: str
    title: str


class Topic(NamedTuple):
    """Something that somebody begins in a place.

    :param number: its number in the place, from 1, as platforms number issues.
    :param person: who began it; None for one of the platform's bots.
    """

    place: Forum
    number: int
    at: datetime
    kind: str
    person: Person | None
    title: str
    link: Link | None


@lru_cache(maxsize=64)
def participants(seed: int, people: int, audience: str) -> tuple[int, ...]:
    """Return the numbers of those who can take part in places with this audience (`Forum.audience`)."""
    everybody = range(people)
    if not audience:
        return tuple(everybody)
    return tuple(number for number in everybody if accounts_of(seed, number).can_act_in(audience))


@dataclass(frozen=True)
class Topics:
    """All topics of a community."""

    seed: int
    people: int

    def count_by(self, place: Forum, moment: datetime) -> int:
        """Return how many topics have begun in a place by then."""
        return self._pace(place).count_by(min(moment, place.closed_at or moment))

    def topic(self, place: Forum, number: int) -> Topic:
        """Return a topic by its number, from 1."""
        rng, at = self.random(place, number, "topic"), self._pace(place).at(number - 1)
        kind, by_bot = rng.choice(place.kinds), rng.random() < place.bots
        author = None if by_bot else self.somebody(rng, place)
        about = place.short_name if isinstance(place, Repository) else rng.choice(prose.LIBRARIES).lower()
        title, link = prose.subject_about(rng, about), self._link(rng, place, at)
        if link and kind in PATHS and not link.title.startswith("=?"):
            title = link.title
        return Topic(place, number, at, kind, author, title, link)

    def random(self, place: Forum, number: int, purpose: str) -> Random:
        """Return a random stream that belongs to a topic."""
        return Random(f"{self.seed}/{place.key}/{number}/{purpose}")

    def somebody(self, rng: Random, place: Forum) -> Person | None:
        """Pick somebody who can take part in a place; a few do a lot, most do little."""
        found = participants(self.seed, self.people, place.audience)
        rank = int(rng.paretovariate(0.6)) - 1
        return person(self.seed, found[min(rank, len(found) - 1)]) if found else None

    def _pace(self, place: Forum) -> Pace:
        return Pace(self.seed, place.key, place.opened_at, place.every)

    def _link(self, rng: Random, place: Forum, at: datetime) -> Link | None:
        chance = rng.random()
        if isinstance(place, Repository):
            return self._mail(rng, at) if chance < 0.12 else None
        if place.platform in CHATS and chance < 0.2:
            return self._mail(rng, at) if chance < 0.06 else self._issue(rng, at)
        return None

    def _mail(self, rng: Random, at: datetime) -> Link | None:
        """Link to the beginning of a thread in which somebody wrote recently."""
        list_name, back = rng.choice(DISCUSSED), int(rng.expovariate(0.1))
        number = received(list_name, messages_by(at)) - 1 - back
        if number < 0:
            return None
        starter = Mails(self.seed, list_name, self.people).thread_starter(number)
        url = f"{ARCHIVE}/{list_name}/message/{message_hash_of(starter.message_id)}/"
        return Link(url, starter.subject or "")

    def _issue(self, rng: Random, at: datetime) -> Link | None:
        """Link to one of the newest issues or pull requests of some repository."""
        place, back = rng.choice(all_repositories(self.seed)), int(rng.expovariate(0.3))
        number = self.count_by(place, at) - back
        if number < 1:
            return None
        found = self.topic(place, number)
        return Link(f"{GITHUB}/{place.name}/{PATHS[found.kind]}/{number}", found.title)
