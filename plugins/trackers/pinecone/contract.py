"""What a source hands to the engine: documents, and what became of those that are gone.

A preprocess function gets the ids to try again and the time of the last sync. It yields every document that
is new or changed since then, and every one whose source id is to be tried again and still exists. A document
made of several rows (thread, reply chain) is always built from all of them; its `doc_id` never changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from importlib import import_module
from inspect import signature
from typing import Any, TypeAlias

from core.database import Conn
from core.errors import ConfigurationError


class PineconeInstance(StrEnum):
    """The two accounts."""

    PUBLIC = "public"
    PRIVATE = "private"


@dataclass(frozen=True)
class Document:
    """A text with what is known about it. Metadata needs `doc_id` or `url`, and should have `source_ids`."""

    content: str
    metadata: Mapping[str, Any]


@dataclass(frozen=True)
class Preprocessed:
    """The answer of a preprocess function.

    :param documents: read lazily, so that a source may be larger than memory.
    :param is_chunked: each document is one chunk, split by the source itself.
    :param metas_to_update: documents of which only metadata changed.
    :param gone_source_ids: rows that no longer exist; documents made of nothing else are removed.
    :param deleted_doc_ids: documents that no longer exist.
    """

    documents: Iterable[Any] = ()
    is_chunked: bool = False
    metas_to_update: Iterable[Any] = ()
    gone_source_ids: Iterable[str] = ()
    deleted_doc_ids: Iterable[str] = ()


PreprocessFn: TypeAlias = Callable[[list[str], datetime | None], Any]


@dataclass(frozen=True)
class Target:
    """Which documents go where; every row of the ledger's state is keyed by it."""

    app_type: str
    namespace: str
    instance: PineconeInstance = PineconeInstance.PUBLIC

    def __post_init__(self) -> None:
        """Refuse what cannot be a key."""
        for name, value in (("app_type", self.app_type), ("namespace", self.namespace)):
            if not value.strip():
                raise ConfigurationError(f"{name} is empty; a sync needs app_type and namespace")
        if len(self.app_type) > 64:
            raise ConfigurationError(f"app_type has {len(self.app_type)} characters, at most 64 are possible")

    @property
    def key(self) -> dict[str, str]:
        """The key as SQL takes it."""
        return {"instance": self.instance.value, "namespace": self.namespace, "app_type": self.app_type}

    def __str__(self) -> str:
        """Tell the target in a log."""
        return f"{self.instance}/{self.namespace}/{self.app_type}"


@dataclass(frozen=True)
class Given:
    """One document as the engine works with it."""

    content: str
    metadata: dict[str, Any]
    base: str
    """What its record ids are made of: `doc_id`, else `url`; empty if it has neither."""
    source_ids: tuple[str, ...] = field(default=())


def as_preprocessed(answer: Any) -> Preprocessed:
    """Read an answer: a 2-tuple, a 3-tuple with metadata updates, or an object with the fields' names."""
    if isinstance(answer, Preprocessed):
        return answer
    if isinstance(answer, tuple):
        if len(answer) not in (2, 3):
            raise ConfigurationError(
                f"a preprocess function returned {len(answer)} values; 2 or 3 or a Preprocessed are possible"
            )
        return Preprocessed(answer[0], bool(answer[1]), answer[2] if len(answer) == 3 else ())
    if not hasattr(answer, "documents"):
        raise ConfigurationError(f"a preprocess function returned {type(answer).__name__}, not documents")
    return Preprocessed(
        answer.documents,
        bool(getattr(answer, "is_chunked", False)),
        getattr(answer, "metas_to_update", None) or (),
        getattr(answer, "gone_source_ids", None) or (),
        getattr(answer, "deleted_doc_ids", None) or (),
    )


def as_given(document: Any) -> Given:
    """Read a document, which may be a mapping or an object."""

    def part(name: str) -> Any:
        return document.get(name) if isinstance(document, Mapping) else getattr(document, name, None)

    metadata = dict(part("metadata") or {})
    candidates = (metadata.get("source_ids"), metadata.get("ids"), part("source_ids"), part("ids"))
    source_ids: tuple[str, ...] = next(filter(None, map(split_ids, candidates)), ())
    base = _text(metadata.get("doc_id")) or _text(metadata.get("url"))
    content = part("content")
    return Given("" if content is None else str(content), metadata, base, source_ids)


def split_ids(value: Any) -> tuple[str, ...]:
    """Return ids in their order, each once, from a list or from a text with commas."""
    if value is None:
        return ()
    if isinstance(value, str):
        parts: Iterable[Any] = value.split(",")
    elif isinstance(value, Iterable):
        parts = value
    else:
        parts = (value,)
    return tuple(dict.fromkeys(text for part in parts if (text := _text(part))))


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def load_preprocessor(path: str) -> Callable[..., Any]:
    """Import a preprocess function by its dotted path."""
    module_name, dot, name = path.strip().rpartition(".")
    if not dot or not module_name:
        raise ConfigurationError(f"preprocessor {path!r} must be a dotted path: package.module.function")
    try:
        module = import_module(module_name)
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"preprocessor {path}: there is no module {error.name}") from None
    function = getattr(module, name, None)
    if function is None:
        raise ConfigurationError(f"preprocessor {path}: module {module_name} has no {name}")
    if not callable(function):
        raise ConfigurationError(f"preprocessor {path} is not a function")
    return function  # type: ignore[no-any-return]


def bound(function: Callable[..., Any], conn: Conn) -> PreprocessFn:
    """Return a preprocess function; one whose first parameter is called `conn` gets the database."""
    if next(iter(signature(function).parameters), "") != "conn":
        return function

    def with_database(failed_ids: list[str], final_sync_at: datetime | None) -> Any:
        return function(conn, failed_ids, final_sync_at)

    return with_database
