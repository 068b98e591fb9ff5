"""What a person is called on each platform, if they have an account there at all.

Each platform has a separate random stream for each person, so adding a platform changes no other account.
Names and handles do not always match: people write them differently, change them, and share them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from random import Random

from sandbox.community.clock import START
from sandbox.community.ids import node_id, slack_id, snowflake, spread, youtube_channel_id
from sandbox.community.people import Person, ascii_of, person
from sandbox.community.places import Renaming, name_at

TEAMS = {"T0CPPLANG1": 0.55, "T0CPPALLI2": 0.2}
"""The Slack workspaces by id, with the share of people who are members."""
FIRST_GITHUB_ID, GITHUB_STEP = 20_000, 197_003
SHARED_ADDRESSES = ("root@localhost", "noreply@github.com", "build@lists.boost.org", "dev@ws.local")
"""Addresses that several people have in their commits."""
RENAMED_WITHIN_DAYS = 300


@dataclass(frozen=True)
class GitHubAccount:
    """An account on GitHub.

    :param name: the name in the profile; many have none.
    :param email: the public address in the profile.
    :param kind: GitHub's `type`.
    """

    id: int
    login: str
    name: str | None = None
    email: str | None = None
    kind: str = "User"
    created_at: datetime = datetime(2014, 1, 1, tzinfo=UTC)
    renaming: Renaming | None = None

    @property
    def node_id(self) -> str:
        """The global node id."""
        return node_id(self.kind, self.id, self.created_at)

    def login_at(self, moment: datetime) -> str:
        """Return the login at that time."""
        return name_at(self.login, self.renaming, moment)

    def noreply_at(self, moment: datetime) -> str:
        """Return the address that hides the user's own in commits. It keeps the login of the time."""
        return f"{self.id}+{self.login_at(moment)}@users.noreply.github.com"


@dataclass(frozen=True)
class SlackUser:
    """A member of one Slack workspace.

    :param email: None if the workspace hides it.
    :param deleted: whether the account was deactivated.
    """

    id: str
    team: str
    name: str
    real_name: str
    display_name: str
    email: str | None = None
    deleted: bool = False
    is_bot: bool = False
    renaming: Renaming | None = None

    def real_name_at(self, moment: datetime) -> str:
        """Return the real name at that time."""
        return name_at(self.real_name, self.renaming, moment)


@dataclass(frozen=True)
class DiscordUser:
    """A user of Discord.

    :param global_name: the display name; None if none was chosen.
    :param nickname: the name on the community's server, if it differs there.
    :param discriminator: `0` for all but old bots.
    """

    id: int
    username: str
    global_name: str | None = None
    nickname: str | None = None
    discriminator: str = "0"
    is_bot: bool = False
    renaming: Renaming | None = None

    def username_at(self, moment: datetime) -> str:
        """Return the username at that time."""
        return name_at(self.username, self.renaming, moment)


@dataclass(frozen=True)
class YouTubeAccount:
    """A person's channel on YouTube."""

    id: str
    title: str


@dataclass(frozen=True)
class PaperAuthor:
    """The name on papers of the committee, and the address to reply to, if the papers give one."""

    name: str
    reply_to: str | None = None


@dataclass(frozen=True)
class Accounts:
    """All accounts of a person, and the names and addresses in their commits."""

    github: GitHubAccount | None
    second_github: GitHubAccount | None
    slack: dict[str, SlackUser]
    discord: DiscordUser | None
    youtube: YouTubeAccount | None
    wg21: PaperAuthor | None
    git: tuple[tuple[str, str], ...]

    def can_act_in(self, audience: str) -> bool:
        """Return whether the person can take part in places with this audience (`Forum.audience`)."""
        platform, _, team = audience.partition("/")
        return bool(team in self.slack if platform == "slack" else getattr(self, platform))


@lru_cache(maxsize=100_000)
def accounts_of(seed: int, number: int) -> Accounts:
    """Generate the accounts of the person with this number."""
    somebody = person(seed, number)
    github = _github(seed, somebody)
    return Accounts(
        github=github,
        second_github=_second_github(seed, somebody, github),
        slack={team: user for team in TEAMS if (user := _slack(seed, somebody, team))},
        discord=_discord(seed, somebody),
        youtube=_youtube(seed, somebody),
        wg21=_wg21(seed, somebody),
        git=_git(seed, somebody, github),
    )


def _stream(seed: int, somebody: Person, platform: str) -> Random:
    return Random(f"{seed}/people/{somebody.number}/{platform}")


def _handles(seed: int, somebody: Person) -> list[str]:
    """Return the handles that a person likes, the best first. Each ends with the number, so it is unique."""
    rng = _stream(seed, somebody, "handle")
    given, family = ascii_of(somebody.given, "dev"), ascii_of(somebody.family, "user")
    word = rng.choice(("constexpr", "lambda", "segv", "rvalue", "cmake", "octet"))
    styles = [f"{given}{family}", f"{given[0]}{family}", f"{given}-{family}-", f"{word}-{given}", family]
    rng.shuffle(styles)
    return [f"{style}{somebody.number}" for style in styles]


def _renaming(rng: Random, share: float, former: str) -> Renaming | None:
    if rng.random() >= share:
        return None
    return Renaming(former, START + timedelta(hours=rng.randrange(24 * RENAMED_WITHIN_DAYS)))


def _before_start(rng: Random, years: int) -> datetime:
    return START - timedelta(seconds=rng.randrange(86_400, 86_400 * 365 * years))


def _github(seed: int, somebody: Person) -> GitHubAccount | None:
    rng, handles = _stream(seed, somebody, "github"), _handles(seed, somebody)
    if rng.random() >= 0.75:
        return None
    return GitHubAccount(
        id=FIRST_GITHUB_ID + spread(rng, somebody.number * 2, GITHUB_STEP),
        login=handles[0],
        name=rng.choice((somebody.name, somebody.name, somebody.name, somebody.given, handles[0], None)),
        email=somebody.addresses[0] if rng.random() < 0.15 else None,
        created_at=_before_start(rng, 14),
        renaming=_renaming(rng, 0.08, handles[2]),
    )


def _second_github(seed: int, somebody: Person, first: GitHubAccount | None) -> GitHubAccount | None:
    """Return the account for work that a few people have."""
    rng = _stream(seed, somebody, "github/second")
    if first is None or rng.random() >= 0.04:
        return None
    return GitHubAccount(
        id=FIRST_GITHUB_ID + spread(rng, somebody.number * 2 + 1, GITHUB_STEP),
        login=f"{first.login}-work",
        name=somebody.name,
        created_at=_before_start(rng, 4),
    )


def _slack(seed: int, somebody: Person, team: str) -> SlackUser | None:
    rng, handles = _stream(seed, somebody, f"slack/{team}"), _handles(seed, somebody)
    if rng.random() >= TEAMS[team]:
        return None
    real_name = somebody.mail_names[-1] if rng.random() < 0.3 else somebody.name
    return SlackUser(
        id=slack_id("U", spread(rng, somebody.number + 36, 36**4)),
        team=team,
        name=handles[1].replace("-", "."),
        real_name=real_name,
        display_name=rng.choice(("", somebody.given, real_name, handles[0])),
        email=rng.choice(somebody.addresses) if rng.random() < 0.7 else None,
        deleted=rng.random() < 0.04,
        renaming=_renaming(rng, 0.05, somebody.given),
    )


def _discord(seed: int, somebody: Person) -> DiscordUser | None:
    rng, handles = _stream(seed, somebody, "discord"), _handles(seed, somebody)
    if rng.random() >= 0.6:
        return None
    same_as_github = rng.random() < 0.6
    return DiscordUser(
        id=snowflake(_before_start(rng, 7), somebody.number),
        username=handles[0 if same_as_github else 3].replace("-", "_"),
        global_name=rng.choice((somebody.name, somebody.given, handles[3], None)),
        nickname=somebody.name if rng.random() < 0.2 else None,
        renaming=_renaming(rng, 0.06, handles[4].replace("-", "_")),
    )


def _youtube(seed: int, somebody: Person) -> YouTubeAccount | None:
    rng = _stream(seed, somebody, "youtube")
    if rng.random() >= 0.05:
        return None
    title = rng.choice((somebody.name, f"{somebody.given} on C++", f"C++ with {somebody.given}"))
    return YouTubeAccount(id=youtube_channel_id(rng), title=title)


def _wg21(seed: int, somebody: Person) -> PaperAuthor | None:
    rng = _stream(seed, somebody, "wg21")
    if rng.random() >= 0.12:
        return None
    initials = f"{somebody.given[0]}. {somebody.family}"
    name = rng.choice((somebody.name, somebody.name, somebody.name, initials, f"{somebody.name}, Jr."))
    return PaperAuthor(name, somebody.addresses[-1] if rng.random() < 0.5 else None)


def _git(seed: int, somebody: Person, github: GitHubAccount | None) -> tuple[tuple[str, str], ...]:
    """Return pairs of name and address; the first is the usual one."""
    rng = _stream(seed, somebody, "git")
    found = [(somebody.name, somebody.addresses[0])]
    if github is not None and rng.random() < 0.1:
        found.insert(0, (github.name or github.login, github.noreply_at(START)))
    if github is not None and rng.random() < 0.02:
        found.append((github.login, f"{github.login_at(START)}@users.noreply.github.com"))
    if rng.random() < 0.3:
        found.append((somebody.mail_names[-1], somebody.addresses[-1]))
    if rng.random() < 0.05:
        found.append((rng.choice((somebody.name, "unknown", "root")), rng.choice(SHARED_ADDRESSES)))
    return tuple(dict.fromkeys(found))
