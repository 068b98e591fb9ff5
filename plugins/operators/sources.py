"""The sources of documents that the collectors declare for the vector index."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from core.documents import DocumentSource, SourceSpec
from core.errors import ConfigurationError
from core.settings import Settings
from operators.framework.registry import COLLECTORS


@dataclass(frozen=True)
class IndexedSource:
    """A source of documents, with the collector that declares it.

    :param command: the command of the collector after which the source is synced.
    """

    command: str
    source: DocumentSource

    def specs(self, settings: Settings) -> list[SourceSpec]:
        """Return the source with app type and namespace from the settings, once for each variant."""
        return self.source.specs(settings)


SOURCES: tuple[IndexedSource, ...] = tuple(
    IndexedSource(command, source)
    for command, collector in COLLECTORS.items()
    for source in collector.documents
)


def sources_of(commands: Collection[str]) -> tuple[IndexedSource, ...]:
    """Return the sources that these collectors feed."""
    return tuple(source for source in SOURCES if source.command in commands)


def specs_of(sources: Collection[IndexedSource], settings: Settings) -> list[SourceSpec]:
    """Return the specs of sources, in their order."""
    return [spec for source in sources for spec in source.specs(settings)]


def named(app_types: Collection[str], settings: Settings) -> list[SourceSpec]:
    """Return the declared sources with these app types, or raise an error that lists the declared ones."""
    specs: dict[str, SourceSpec] = {}
    for spec in specs_of(SOURCES, settings):
        if specs.setdefault(spec["app_type"], spec) is not spec:
            raise ConfigurationError(
                f"two sources have the app type {spec['app_type']}; change one of the Variables that set it"
            )
    if unknown := sorted(set(app_types) - specs.keys()):
        raise ConfigurationError(
            f"there is no source {', '.join(unknown)}; declared: {', '.join(sorted(specs))}"
        )
    return [specs[name] for name in dict.fromkeys(app_types)]
