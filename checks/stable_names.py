"""Writes the stable names with their signatures; docs/stability.md promises that they do not change."""

from __future__ import annotations

import sys
from collections.abc import Callable
from enum import Enum
from importlib import import_module
from inspect import isclass, isfunction, signature
from pathlib import Path

from checks.source_code import ROOT

SNAPSHOT = ROOT / "tests" / "fixtures" / "stable_names.txt"
NAMES = {
    "core.errors": (
        "AuthenticationError CollectorError CollectorFailureCategory ConfigurationError PermissionDenied "
        "RateLimited SourceUnavailable UnexpectedPayload classify_failure"
    ),
    "core.protocols": (
        "ActivityRecord IncrementalState TrackerResult require_activity_record require_tracker_result"
    ),
    "core.retry": "CollectorRetryPolicy",
    "core.checkpoints": "advance read",
    "core.database": "MergeCounts MergedKeys execute fetch fetch_one merge merge_keys pages",
    "core.documents": "Document DocumentSource Documents PineconeInstance PreprocessFn Variant",
    "core.session": "Session UnitSession",
    "core.units": "collect_units",
    "core.listing": "ByCursor ByKey Page Position",
    "core.stream": "Stream",
    "core.export": "File mark mark_all mark_of_units write_marked",
    "core.raw": "iterate save",
    "core.schedule": "Schedule ScheduleError load_schedule",
    "core.commands": "COMMANDS",
    "core.budget": (
        "BucketBudget BucketReport Budget LimitReader LimitReport Limits NoBudget QuotaReport RateLeases "
        "SharedBudget"
    ),
    "core.http_cache": "Validator read save",
    "hooks.api": "ApiClient Download",
    "hooks.source_hook": "SourceHook",
    "hooks.mailing_list_hook": "MailingListHook",
    "hooks.pinecone_hook": "PineconeHook",
    "operators.collector": "CollectorOperator",
    "operators.sources": "IndexedSource SOURCES sources_of",
    "trackers.pinecone.api": "PineconeInstance PreprocessFn sync_to_pinecone",
    "trackers.pinecone.search": "search",
    "trackers.identity.api": "Account Platform declare_platform ensure_profiles",
}


def lines() -> list[str]:
    """Return one line per name, then the commands, the settings and the keys of the schedule."""
    found = [
        f"{module}.{name}{shape(getattr(import_module(module), name))}"
        for module, names in NAMES.items()
        for name in names.split()
    ]
    return found + commands() + settings() + schedule_keys()


def shape(value: object) -> str:
    """Return the parameters of a function or class, or the members of an enum."""
    if isclass(value) and issubclass(value, Enum):
        return f": {', '.join(str(member.value) for member in value)}"
    if isclass(value) or isfunction(value):
        bases = f" < {value.__bases__[0].__name__}" if isclass(value) else ""
        return f"({', '.join(_parameters(value))}){bases}"
    return ""


def _parameters(value: Callable[..., object]) -> list[str]:
    """Return the names of the parameters; a built-in exception's signature cannot be read."""
    try:
        found = signature(value).parameters.values()
    except ValueError:
        return ["message"]
    return [str(p).split(":")[0].split("=")[0].strip() for p in found]


def commands() -> list[str]:
    """Return the commands of the schedule."""
    from core.commands import COMMANDS

    return [f"command {name}" for name in sorted(COMMANDS)]


def settings() -> list[str]:
    """Return the names of Variables and of environment variables."""
    from core.settings import declared_settings

    found = declared_settings()
    variables = [f"variable bdc_{name}" for name, setting in found.items() if setting.variable]
    return sorted(variables) + sorted(f"environment {name}" for s in found.values() for name in s.env)


def schedule_keys() -> list[str]:
    """Return the keys of the schedule file."""
    from core.schedule.loader import ALL_TASK_KEYS, GROUP_KEYS

    groups = [f"schedule group key {key}" for key in sorted(GROUP_KEYS)]
    return groups + [f"schedule task key {key}" for key in sorted(ALL_TASK_KEYS)]


def main() -> int:
    """Write the snapshot; every change of it needs a line in CHANGELOG.md."""
    Path(SNAPSHOT).write_text("\n".join(lines()) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
