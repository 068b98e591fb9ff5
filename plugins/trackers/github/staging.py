"""Where the predecessor staged GitHub's answers, for the workspace cleanup."""

from __future__ import annotations

from core.workspace_cleanup import StagingLayout

STAGING = StagingLayout(
    "github_activity_tracker", ("commits", "issues", "prs"), not_staged=("clones", "md_export")
)
