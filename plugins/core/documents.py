"""The contract between sources and the vector index: documents, and the namespaces that they belong to.

A documents function gets the source ids to try again and the time of the last sync. It returns every
document that is new or changed since then, and every existing document whose source id is to be tried again.
A document made of several rows (thread, reply chain) is always built from all of them, and its `doc_id` never
changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias, TypedDict

from core.settings import Setting, Settings


class PineconeInstance(StrEnum):
    """The two Pinecone accounts."""

    PUBLIC = "public"
    PRIVATE = "private"


@dataclass(frozen=True)
class Document:
    """A text with its metadata, which needs `doc_id` or `url` and should have `source_ids`."""

    content: str
    metadata: Mapping[str, Any]


Settled: TypeAlias = Callable[[Sequence[str], Sequence[str]], None]
"""Called with the source ids that were indexed and those that failed."""


@dataclass(frozen=True)
class Documents:
    """The result of a documents function. What grows with the source is an iterable, read only when needed.

    :param is_chunked: the source has split its texts, so each document is one chunk.
    :param metas_to_update: documents of which only the metadata changed.
    :param gone_source_ids: rows that no longer exist; documents built from no other rows are removed.
    :param deleted_doc_ids: documents that no longer exist; one that is also among the documents exists again.
    :param on_settled: called in the transaction that records the outcome of documents, for a source that
        marks its own rows as indexed.
    """

    documents: Iterable[Document] = ()
    is_chunked: bool = False
    metas_to_update: Iterable[Document] = ()
    gone_source_ids: Iterable[str] = ()
    deleted_doc_ids: Iterable[str] = ()
    on_settled: Settled | None = None


DocumentsFunction: TypeAlias = Callable[..., Documents]
"""Takes a connection, the failed ids, the time of the last sync (None: everything) and variant arguments."""


class SourceSpec(TypedDict):
    """A source of documents, as XCom passes it between tasks."""

    app_type: str
    namespace: str
    instance: str
    preprocessor: str
    arguments: dict[str, str]


@dataclass(frozen=True)
class Variant:
    """One of several parts of a source that are indexed separately, for example a Slack team.

    :param suffix: appended to app type and namespace, after a hyphen.
    :param arguments: keyword arguments of the documents function.
    """

    suffix: str
    arguments: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DocumentSource:
    """What a collector declares about its documents.

    :param app_type: setting with the key of checkpoint and failures; no two sources may share one.
    :param namespace: setting with the namespace.
    :param owns: metadata by which an audit recognises this source's records in a shared namespace.
    :param variants: returns the parts that are indexed separately; None if there are no parts.
    """

    documents: DocumentsFunction
    app_type: Any
    namespace: Any
    instance: PineconeInstance = PineconeInstance.PUBLIC
    owns: tuple[tuple[str, str], ...] = ()
    variants: Callable[[Settings], Sequence[Variant]] | None = None

    def __post_init__(self) -> None:
        """Refuse anything but settings: the mistake would otherwise show only at the first sync."""
        for setting in (self.app_type, self.namespace):
            if not isinstance(setting, Setting):
                raise TypeError(f"{self.path}: app_type and namespace must be settings, not {setting!r}")

    @property
    def path(self) -> str:
        """The documents function as a dotted path."""
        return f"{self.documents.__module__}.{self.documents.__qualname__}"

    def specs(self, settings: Settings) -> list[SourceSpec]:
        """Return one spec per variant, or one for the whole source."""
        app_type, namespace = settings.value(self.app_type), settings.value(self.namespace)
        if self.variants is None:
            return [self._spec(app_type, namespace, {})]
        return [
            self._spec(f"{app_type}-{each.suffix}", f"{namespace}-{each.suffix}", each.arguments)
            for each in self.variants(settings)
        ]

    def is_owner(self, metadata: Mapping[str, Any]) -> bool:
        """Return whether a record in a shared namespace belongs to this source."""
        return all(metadata.get(name) == value for name, value in self.owns)

    def _spec(self, app_type: str, namespace: str, arguments: Mapping[str, str]) -> SourceSpec:
        return {
            "app_type": app_type,
            "namespace": namespace,
            "instance": self.instance.value,
            "preprocessor": self.path,
            "arguments": dict(arguments),
        }


PreprocessFn: TypeAlias = Callable[[list[str], datetime | None], Any]
"""A documents function whose connection and arguments are already bound."""
