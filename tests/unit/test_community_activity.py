"""What happens in the sandbox's community: one stream that services show in parts."""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta
from random import Random

from sandbox.community import Community
from sandbox.community.activity import Action
from sandbox.community.clock import PER_MESSAGE, START, messages_by
from sandbox.community.mail import LISTS, Mails, message_hash_of, received
from sandbox.community.places import Repository

COMMUNITY = Community(7)
CHANNELS = (*COMMUNITY.slack_channels, *COMMUNITY.discord_channels)
UNTIL = START + PER_MESSAGE * 1200
REPOSITORY = re.compile(r"https://github\.com/([^/]+/[^/]+)/(issues|pull)/(\d+)$")
MAIL = re.compile(r"https://lists\.boost\.org/archives/list/([^/]+)/message/([A-Z2-7]{32})/$")

HASHES = {
    name: [message_hash_of(mails.message_id(number)) for number in range(received(name, 1200))]
    for name in LISTS
    for mails in (Mails(COMMUNITY.seed, name, COMMUNITY.people),)
}
"""What each list has received by then."""


def shown(action: Action) -> str:
    who = action.person.number if action.person else "bot"
    return (
        f"{action.order} {action.parent} {who} {action.topic.kind} {action.topic.title} {action.topic.link}"
    )


def test_the_activity_is_the_same_on_every_machine() -> None:
    found = {}
    for name, places in (
        ("github", COMMUNITY.repositories),
        ("commits", [place.commits for place in COMMUNITY.repositories]),
        ("slack", COMMUNITY.slack_channels),
        ("discord", COMMUNITY.discord_channels),
        ("youtube", COMMUNITY.video_channels),
        ("wg21", [COMMUNITY.papers]),
    ):
        actions = COMMUNITY.activity(places, START + timedelta(days=20))
        text = "\n".join(f"{shown(action)} {COMMUNITY.text(action)}" for action in actions)
        found[name] = hashlib.sha256(text.encode()).hexdigest()[:16]
    assert found == {
        "github": "dd209fdcef8aaa43",
        "commits": "f24c3395f4d88577",
        "slack": "a4afac842b6a4070",
        "discord": "a198688988945b17",
        "youtube": "be16a7ef436aecd7",
        "wg21": "35cd3a651131c531",
    }


def test_a_stream_in_parts_is_the_stream() -> None:
    places, rng = (*COMMUNITY.repositories[:60], *CHANNELS), Random(3)
    whole = list(COMMUNITY.activity(places, UNTIL))
    assert len(whole) > 5000
    assert [action.order for action in whole] == sorted({action.order for action in whole})
    parts, after = [], START
    while after < UNTIL:
        until = min(UNTIL, after + timedelta(hours=rng.choice((0.1, 30, 400))))
        parts += COMMUNITY.activity(places, until, after)
        after = until
    assert parts == whole
    assert list(COMMUNITY.activity(places, UNTIL, UNTIL)) == []


def test_each_place_has_its_own_stream() -> None:
    whole = list(COMMUNITY.activity(CHANNELS, UNTIL))
    for place in (CHANNELS[3], CHANNELS[-1]):
        alone = list(COMMUNITY.activity([place], UNTIL))
        assert alone
        assert alone == [action for action in whole if action.place == place]


def test_a_stream_is_made_while_it_is_read() -> None:
    centuries = START + timedelta(days=365 * 500)
    first = next(COMMUNITY.activity(COMMUNITY.repositories, centuries))
    assert first == next(COMMUNITY.activity(COMMUNITY.repositories, UNTIL))


def test_only_those_with_an_account_take_part() -> None:
    silent = 0
    for action in COMMUNITY.activity((*COMMUNITY.repositories, *CHANNELS, COMMUNITY.papers), UNTIL):
        if action.person is None:
            silent += 1
        else:
            assert COMMUNITY.accounts(action.person.number).can_act_in(action.place.audience)
    assert silent > 20


def test_topics_are_numbered_and_replies_follow_what_they_answer() -> None:
    opened: dict[str, int] = {}
    for action in COMMUNITY.activity(COMMUNITY.repositories, UNTIL):
        if action.number == 0:
            assert (action.topic.number, action.parent) == (opened.get(action.place.key, 0) + 1, None)
            opened[action.place.key] = action.topic.number
        else:
            assert action.parent is not None
            assert 0 <= action.parent < action.number
            assert action.at > action.topic.at
    assert {place.key: COMMUNITY.topics.count_by(place, UNTIL) for place in COMMUNITY.repositories} == {
        place.key: opened.get(place.key, 0) for place in COMMUNITY.repositories
    }


def test_nothing_happens_in_archived_places() -> None:
    closed = [place for place in (*COMMUNITY.repositories, *CHANNELS) if place.closed_at]
    assert len(closed) > 2
    found = list(COMMUNITY.activity(closed, UNTIL + timedelta(days=400)))
    assert found
    assert all(action.place.closed_at and action.at <= action.place.closed_at for action in found)


def test_a_discussion_is_seen_in_several_services() -> None:
    repositories = {place.name: place for place in COMMUNITY.repositories}
    to_mails, to_repositories = 0, 0
    for action in COMMUNITY.activity((*COMMUNITY.repositories, *CHANNELS), UNTIL):
        link = action.topic.link
        if action.number or not link:
            continue
        assert COMMUNITY.text(action).endswith(link.url)
        if found := MAIL.match(link.url):
            to_mails += 1
            assert found[2] in HASHES[found[1]][: received(found[1], messages_by(action.at))]
            assert (
                action.topic.title == link.title
                or not isinstance(action.place, Repository)
                or "=?" in link.title
            )
        else:
            found = REPOSITORY.match(link.url)
            assert found is not None
            to_repositories += 1
            linked = COMMUNITY.topics.topic(repositories[found[1]], int(found[3]))
            assert linked.at <= action.at
            assert (linked.title, linked.kind == "issue") == (link.title, found[2] == "issues")
    assert to_mails > 50
    assert to_repositories > 50
