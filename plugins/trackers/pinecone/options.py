"""The params of sync, audit and search. Light: read while DAG files are parsed."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import ConfigurationError
from core.options import COUNT, FLAG, NAMES, TEXT, Options, option

INSTANCES = ("public", "private")


@dataclass(frozen=True)
class PineconeOptions(Options):
    """How a sync goes about it."""

    full_resync: bool = option(
        FLAG,
        False,
        "Full resync",
        "Compare every document with the ledger, not only what changed; uploads only what differs.",
    )
    delete_orphans: bool = option(
        FLAG,
        True,
        "Delete orphans",
        "Remove chunks that no document has any more.",
    )
    max_documents: int | None = option(
        COUNT, None, "Max documents", "Stop after so many documents; the next sync begins at the same place."
    )
    dry_run: bool = option(
        FLAG,
        False,
        "Dry run",
        "Compare, tell what would be written, write nothing.",
        common=True,
    )


@dataclass(frozen=True)
class ManualSyncOptions(PineconeOptions):
    """What to sync by hand: registered sources, or any function that makes documents."""

    sources: tuple[str, ...] = option(
        NAMES,
        (),
        "Sources",
        "App types of registered sources, e.g. `mailing`. Or leave this empty and give the next three.",
    )
    app_type: str = option(TEXT, "", "App type", "Key of checkpoint and failures, at most 64 characters.")
    namespace: str = option(TEXT, "", "Namespace", "Where the documents go.")
    preprocessor: str = option(
        TEXT,
        "",
        "Preprocessor",
        "Dotted path of the function that makes the documents: `package.module.function`.",
    )
    instance: str = option(TEXT, "public", "Instance", "`public` or `private`.", examples=INSTANCES)

    def check(self) -> None:
        """Refuse half an answer to the question what to sync."""
        three = {"app_type": self.app_type, "namespace": self.namespace, "preprocessor": self.preprocessor}
        missing = [name for name, value in three.items() if not value]
        if not self.sources and len(missing) == len(three):
            raise ConfigurationError(
                "nothing to do: name sources, or give app_type, namespace and preprocessor"
            )
        if 0 < len(missing) < len(three):
            raise ConfigurationError(f"{', '.join(missing)} missing: the three belong together")
        require_instance(self.instance)


@dataclass(frozen=True)
class AuditOptions(Options):
    """What an audit looks at and what it mends."""

    namespaces: tuple[str, ...] = option(
        NAMES, (), "Namespaces", "Which namespaces to compare. Empty: all that are known."
    )
    repair: bool = option(
        FLAG,
        False,
        "Repair",
        "Upload again what is missing, delete what nobody wrote. Without it, differences fail the task.",
    )
    fill_ledger: bool = option(
        FLAG,
        False,
        "Fill the ledger",
        "Take over records that are in the index and not in the ledger, so that they are not uploaded again.",
    )


@dataclass(frozen=True)
class SearchOptions(Options):
    """What to look for."""

    query: str = option(TEXT, "", "Query", "What to look for, in words.")
    namespaces: tuple[str, ...] = option(
        NAMES, (), "Namespaces", "Where to look. Empty: in those of all registered sources."
    )
    k: int = option(COUNT, 10, "Results", "How many results to show.")
    instance: str = option(TEXT, "public", "Instance", "`public` or `private`.", examples=INSTANCES)

    def check(self) -> None:
        """Refuse a search for nothing."""
        if not self.query.strip():
            raise ConfigurationError("param query is empty; say what to look for")
        require_instance(self.instance)


def require_instance(name: str) -> None:
    """Refuse an account that does not exist."""
    if name not in INSTANCES:
        raise ConfigurationError(f"param instance: {name!r} is none of {', '.join(INSTANCES)}")
