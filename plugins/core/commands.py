"""The predecessor's command names. A schedule may use these and the commands that operators declare."""

from __future__ import annotations

COMMANDS = frozenset(
    {
        "collect_boost_libraries",
        "run_boost_github_activity_tracker",
        "run_boost_library_docs_tracker",
        "run_boost_library_usage_dashboard",
        "run_boost_mailing_list_tracker",
        "run_boost_usage_tracker",
        "run_clang_github_tracker",
        "run_cppa_slack_tracker",
        "run_cppa_user_tracker",
        "run_cppa_youtube_script_tracker",
        "run_discord_activity_tracker",
        "run_update_created_repos_by_language",
        "run_wg21_paper_tracker",
    }
)
