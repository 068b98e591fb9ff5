"""Who does what where and when, as one stream that is made while it is read."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from sandbox.community import prose
from sandbox.community.people import Person
from sandbox.community.places import Forum
from sandbox.community.topics import CHATS, Topic, Topics

LONGEST = timedelta(days=45)
"""A topic gets no reply after this time, so a stream can begin anywhere without what was before."""
MOST_REPLIES = 80


class Action(NamedTuple):
    """Somebody begins a topic or replies.

    :param number: 0 for the action that begins the topic, then 1, 2, … for the replies.
    :param parent: the number of the action that a reply answers.
    :param person: None for one of the platform's bots.
    """

    at: datetime
    number: int
    parent: int | None
    person: Person | None
    topic: Topic

    @property
    def place(self) -> Forum:
        """Where it happens."""
        return self.topic.place

    @property
    def order(self) -> tuple[datetime, str, int, int]:
        """The order of all actions: by time; the rest decides between simultaneous ones."""
        return self.at, self.topic.place.key, self.topic.number, self.number


def actions(topics: Topics, place: Forum, after: datetime, until: datetime) -> Iterator[Action]:
    """Yield in order what happens in a place after one moment and until another."""
    waiting: list[tuple[tuple[datetime, str, int, int], Action]] = []
    first, last = topics.count_by(place, after - LONGEST) + 1, topics.count_by(place, until)
    for number in range(first, last + 1):
        opening = _opening(topics.topic(place, number))
        while waiting and waiting[0][0] < opening.order:
            yield heapq.heappop(waiting)[1]
        if opening.at > after:
            yield opening
        for reply in replies(topics, opening.topic):
            if after < reply.at <= until:
                heapq.heappush(waiting, (reply.order, reply))
    while waiting:
        yield heapq.heappop(waiting)[1]


def replies(topics: Topics, topic: Topic) -> Iterator[Action]:
    """Yield the replies to a topic in order, whenever they happen."""
    place, at, rng = topic.place, topic.at, topics.random(topic.place, topic.number, "replies")
    count = min(int(rng.expovariate(1 / place.replies)), MOST_REPLIES) if place.replies else 0
    for number in range(1, count + 1):
        at += place.gap * rng.expovariate(1)
        author = topic.person if rng.random() < 0.3 else topics.somebody(rng, place)
        parent = 0 if rng.random() < 0.6 else rng.randrange(number)
        if at > topic.at + LONGEST or (place.closed_at and at > place.closed_at):
            return
        yield Action(at, number, parent, author, topic)


def text_of(topics: Topics, action: Action) -> str:
    """Write the text of an action; the text that begins a topic ends with the topic's link."""
    rng = topics.random(action.place, action.topic.number, f"{action.number}/text")
    if action.place.platform in CHATS:
        text = prose.sentence(rng)
    else:
        text = prose.paragraphs(rng, 1, 3) + (f"\n\n{prose.code(rng)}" if rng.random() < 0.1 else "")
    link = action.topic.link
    return f"{text}\n\n{link.url}" if link and not action.number else text


def _opening(topic: Topic) -> Action:
    return Action(topic.at, 0, None, topic.person, topic)
