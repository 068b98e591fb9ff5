"""The params of sync, audit and search, with few imports because DAG files use them at every parse."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import ConfigurationError
from core.options import COUNT, FLAG, NAMES, TEXT, Options, option

INSTANCES = ("public", "private")


@dataclass(frozen=True)
class PineconeOptions(Options):
    """The params of every sync."""

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
        "Delete chunks that no longer belong to any document.",
    )
    max_documents: int | None = option(
        COUNT,
        None,
        "Max documents",
        "Stop after this many documents; the next sync starts where this one started.",
    )
    dry_run: bool = option(
        FLAG,
        False,
        "Dry run",
        "Compare and log what would be written; write nothing.",
        common=True,
    )


@dataclass(frozen=True)
class ManualSyncOptions(PineconeOptions):
    """The params of a manual sync: declared sources, or any documents function."""

    sources: tuple[str, ...] = option(
        NAMES,
        (),
        "Sources",
        "App types of declared sources, for example `mailing`. Or leave this empty and set the next three.",
    )
    app_type: str = option(TEXT, "", "App type", "Key of checkpoint and failures, at most 64 characters.")
    namespace: str = option(TEXT, "", "Namespace", "The namespace of the documents.")
    preprocessor: str = option(
        TEXT,
        "",
        "Preprocessor",
        "Dotted path of the documents function: `package.module.function`.",
    )
    instance: str = option(TEXT, "public", "Instance", "`public` or `private`.", examples=INSTANCES)

    def check(self) -> None:
        """Raise if no source is named, or a documents function is described only partly."""
        three = {"app_type": self.app_type, "namespace": self.namespace, "preprocessor": self.preprocessor}
        missing = [name for name, value in three.items() if not value]
        if not self.sources and len(missing) == len(three):
            raise ConfigurationError(
                "nothing to do: set param sources, or app_type, namespace and preprocessor"
            )
        if 0 < len(missing) < len(three):
            raise ConfigurationError(
                f"param {', '.join(missing)} is empty; set app_type, namespace and preprocessor together"
            )
        require_instance(self.instance)


@dataclass(frozen=True)
class AuditOptions(Options):
    """The params of an audit: what it compares, and what it repairs."""

    namespaces: tuple[str, ...] = option(
        NAMES, (), "Namespaces", "Which namespaces to compare. Empty: all known ones."
    )
    repair: bool = option(
        FLAG,
        False,
        "Repair",
        "Upload missing records again and delete strays. Without it, differences fail the task.",
    )
    fill_ledger: bool = option(
        FLAG,
        False,
        "Fill the ledger",
        "Add records to the ledger that are only in the index, so that they are not uploaded again.",
    )


@dataclass(frozen=True)
class SearchOptions(Options):
    """The params of a search."""

    query: str = option(TEXT, "", "Query", "What to look for, in words.")
    namespaces: tuple[str, ...] = option(
        NAMES, (), "Namespaces", "Where to look. Empty: in those of all declared sources."
    )
    k: int = option(COUNT, 10, "Results", "How many results to show.")
    instance: str = option(TEXT, "public", "Instance", "`public` or `private`.", examples=INSTANCES)

    def check(self) -> None:
        """Raise if the query is empty."""
        if not self.query.strip():
            raise ConfigurationError("param query is empty; enter what to look for")
        require_instance(self.instance)


def require_instance(name: str) -> None:
    """Raise if an instance does not exist."""
    if name not in INSTANCES:
        raise ConfigurationError(f"param instance: {name!r} is not one of {', '.join(INSTANCES)}")
