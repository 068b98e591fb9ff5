"""The requests that Pinecone refuses. The limits are those of its documentation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

RECORDS_PER_UPSERT = 96
VECTORS_PER_UPSERT = 1000
REQUEST_BYTES = 2 * 1024 * 1024
METADATA_BYTES = 40 * 1024
ID_LENGTH = 512
IDS_PER_DELETE = IDS_PER_FETCH = 1000
LIST_LIMIT = 100
TOP_K = 10_000
FIELDS = 100


class Refused(Exception):
    """Pinecone answers this request with an error."""

    def __init__(self, status: int, message: str, code: str = "INVALID_ARGUMENT") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def check_records(records: list[Mapping[str, Any]], field: str) -> None:
    """Refuse a batch that is empty, too large or contains an invalid record."""
    if not records:
        raise Refused(400, "No records provided")
    if len(records) > RECORDS_PER_UPSERT:
        raise Refused(400, f"Batch size {len(records)} exceeds the maximum of {RECORDS_PER_UPSERT} records")
    for record in records:
        check_record(record, field)


def check_record(record: Mapping[str, Any], field: str) -> None:
    """Refuse a record with an invalid id, text or metadata."""
    record_id = record.get("_id", record.get("id"))
    check_id(record_id)
    text = record.get(field)
    if not isinstance(text, str) or not text.strip():
        raise Refused(400, f"Record '{record_id}' must have a non-empty string in field '{field}'")
    metadata = {name: value for name, value in record.items() if name not in ("_id", "id")}
    check_metadata(metadata, str(record_id))


def check_vectors(vectors: Any, dimension: int | None) -> list[Mapping[str, Any]]:
    """Refuse vectors that are too many, do not fit the index or have invalid metadata."""
    if not isinstance(vectors, list) or not vectors:
        raise Refused(400, "No vectors provided")
    if len(vectors) > VECTORS_PER_UPSERT:
        raise Refused(400, f"The number of vectors must be at most {VECTORS_PER_UPSERT}, got {len(vectors)}")
    for vector in vectors:
        check_id(vector.get("id"))
        values, sparse = vector.get("values") or [], vector.get("sparseValues")
        if dimension is None and (values or not sparse):
            raise Refused(400, "Sparse indexes need sparse values and no dense ones")
        if dimension is not None and sparse:
            raise Refused(400, "Index configuration does not support sparse values")
        if dimension is not None and len(values) != dimension:
            raise Refused(
                400, f"Vector dimension {len(values)} does not match the dimension of the index {dimension}"
            )
        check_metadata(vector.get("metadata") or {}, vector["id"])
    return vectors


def check_id(record_id: Any) -> None:
    """Refuse an invalid record id."""
    if not isinstance(record_id, str) or not record_id:
        raise Refused(400, "Record ID must be a non-empty string")
    if len(record_id) > ID_LENGTH:
        raise Refused(400, f"Record ID is too long, must be at most {ID_LENGTH} characters")
    if not record_id.isascii():
        raise Refused(400, "Record ID must be ASCII")


def check_metadata(metadata: Mapping[str, Any], record_id: str) -> None:
    """Refuse metadata with an invalid key or value, or too many bytes."""
    for name, value in metadata.items():
        if name.startswith("$"):
            raise Refused(400, f"Metadata key cannot start with a '$', got '{name}'")
        listed = isinstance(value, list) and all(isinstance(item, str) for item in value)
        if not isinstance(value, (str, int, float, bool)) and not listed:
            shown = "null" if value is None else json.dumps(value)[:50]
            raise Refused(
                400,
                f"Metadata value must be a string, number, boolean or list of strings, got '{shown}' "
                f"for field '{name}'",
            )
    size = len(json.dumps(metadata, ensure_ascii=False, separators=(",", ":")).encode())
    if size > METADATA_BYTES:
        raise Refused(
            400,
            f"Metadata size is {size} bytes, which exceeds the limit of {METADATA_BYTES} bytes per vector "
            f"('{record_id}')",
        )


def check_ids(ids: Any, most: int) -> list[str]:
    """Refuse a list of ids that is empty, too long or contains an invalid id."""
    if not isinstance(ids, list) or not ids:
        raise Refused(400, "At least one ID is required")
    if len(ids) > most:
        raise Refused(400, f"Number of IDs must be at most {most}, got {len(ids)}")
    for record_id in ids:
        check_id(record_id)
    return ids
