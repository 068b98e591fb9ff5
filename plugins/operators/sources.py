"""What is indexed: the sources of documents, each fed by one collector. A new one is one line here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from core.errors import ConfigurationError
from core.settings import Settings
from operators.mailing_list_collector import MailingListCollector
from trackers.mailing_list.documents import documents as mailing_list_documents
from trackers.pinecone.contract import PineconeInstance

SourceSpec = dict[str, str]
"""A source as it travels between tasks: app_type, namespace, instance, preprocessor."""


@dataclass(frozen=True)
class IndexedSource:
    """Documents of one collector.

    :param command: the collector after which it is synced.
    :param documents: makes the documents; `trackers.pinecone.contract` says how.
    :param app_type: setting that holds the key; no two sources may share one.
    :param namespace: setting that holds the namespace.
    :param owns: metadata by which an audit knows a record of this source, where a namespace is shared.
    """

    command: str
    documents: Callable[..., Any]
    app_type: str
    namespace: str
    instance: PineconeInstance = PineconeInstance.PUBLIC
    owns: tuple[tuple[str, str], ...] = ()

    def spec(self, settings: Settings) -> SourceSpec:
        """Return the source as the settings place it."""
        return {
            "app_type": str(settings.resolve(self.app_type).value),
            "namespace": str(settings.resolve(self.namespace).value),
            "instance": self.instance.value,
            "preprocessor": f"{self.documents.__module__}.{self.documents.__qualname__}",
        }

    def is_owner(self, metadata: Mapping[str, Any]) -> bool:
        """Say whether a record of the shared namespace is of this source."""
        return all(metadata.get(name) == value for name, value in self.owns)


SOURCES: tuple[IndexedSource, ...] = (
    IndexedSource(
        MailingListCollector.command,
        mailing_list_documents,
        "mailing_list_pinecone_app_type",
        "mailing_list_pinecone_namespace",
    ),
)


def sources_of(commands: Collection[str]) -> tuple[IndexedSource, ...]:
    """Return the sources that these collectors feed."""
    return tuple(source for source in SOURCES if source.command in commands)


def named(app_types: Collection[str], settings: Settings) -> list[SourceSpec]:
    """Return registered sources by app type; an unknown one is an error that lists the known."""
    specs = {spec["app_type"]: spec for spec in (source.spec(settings) for source in SOURCES)}
    if unknown := sorted(set(app_types) - specs.keys()):
        raise ConfigurationError(
            f"there is no source {', '.join(unknown)}; registered: {', '.join(sorted(specs))}"
        )
    return [specs[name] for name in dict.fromkeys(app_types)]
