"""Stored vectors with other metadata, in requests of limited size: nothing is embedded again. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from hooks.pinecone_sdk.config import TEXT_FIELD

REQUEST_BYTES = 2 * 1024 * 1024 - 64 * 1024
"""Somewhat less than Pinecone's limit of 2 MB. A dense vector alone has up to 20 kB."""


def with_metadata(vector: Any, record: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the vector with the metadata of a record; None if it is the embedding of another text."""
    if (vector.metadata or {}).get(TEXT_FIELD) != record[TEXT_FIELD]:
        return None
    changed: dict[str, Any] = {"id": record["id"], "values": vector.values}
    if vector.sparse_values:
        sparse = vector.sparse_values
        changed["sparse_values"] = {"indices": sparse.indices, "values": sparse.values}
    return changed | {"metadata": {name: value for name, value in record.items() if name != "id"}}


def in_requests(
    vectors: Iterable[dict[str, Any]], most: int = REQUEST_BYTES
) -> Iterator[list[dict[str, Any]]]:
    """Yield vectors in groups, each of which fits into one request."""
    group: list[dict[str, Any]] = []
    size = 0
    for vector in vectors:
        length = len(json.dumps(vector, ensure_ascii=False).encode())
        if group and size + length > most:
            yield group
            group, size = [], 0
        group.append(vector)
        size += length
    if group:
        yield group
