"""Accounts that belong to no person: bots, organisations, and the one shown for deleted accounts."""

from __future__ import annotations

from datetime import UTC, datetime

from sandbox.community.accounts import TEAMS, DiscordUser, GitHubAccount, SlackUser
from sandbox.community.ids import snowflake

GHOST = GitHubAccount(10137, "ghost", "Deleted user", created_at=datetime(2008, 5, 13, tzinfo=UTC))
"""GitHub shows it in place of everybody who deleted their account."""
GITHUB_BOTS = (
    GitHubAccount(41_898_282, "github-actions[bot]", kind="Bot"),
    GitHubAccount(49_699_333, "dependabot[bot]", kind="Bot"),
    GitHubAccount(15_032, "boost-commitbot", "Automated Commit", "boost-commitbot@example.com"),
)
"""The last one is a user like any other to GitHub."""
ORGANISATIONS = (
    GitHubAccount(3_170_529, "boostorg", "Boost.org", kind="Organization"),
    GitHubAccount(16_005, "cppalliance", "C++ Alliance", kind="Organization"),
)
SLACK_BOTS = {
    team: (
        SlackUser("USLACKBOT", team, "slackbot", "Slackbot", "Slackbot"),
        SlackUser(f"U0BOT{team[-5:]}", team, "github", "GitHub", "GitHub", is_bot=True),
    )
    for team in TEAMS
}
"""Slack does not mark its own bot as one."""
DISCORD_BOTS = (
    DiscordUser(
        snowflake(datetime(2018, 3, 1, tzinfo=UTC), 1), "thread-keeper", discriminator="4821", is_bot=True
    ),
    DiscordUser(snowflake(datetime(2023, 3, 1, tzinfo=UTC), 2), "GitHub", discriminator="0000", is_bot=True),
)
"""The last one is a webhook."""
