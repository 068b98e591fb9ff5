"""The configuration of a Pinecone instance: from its Connection, else from the predecessor's settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.errors import ConfigurationError
from core.settings import Settings
from hooks.pinecone_sdk.settings import PineconeAccountSettings

TEXT_FIELD = "chunk_text"
PRIVATE = "pinecone_private"


@dataclass(frozen=True)
class PineconeConfig:
    """Everything needed to open or create the two indexes of an instance."""

    api_key: str = field(repr=False)
    api_url: str
    index_name: str
    cloud: str
    region: str
    dense_model: str
    sparse_model: str

    @property
    def sparse_index_name(self) -> str:
        """The index that is searched by words; the dense one is searched by meaning."""
        return f"{self.index_name}-sparse"


def key_in_environment(conn_id: str, settings: Settings) -> str:
    """Return the API key of an account from the predecessor's environment variables."""
    known = settings.of(PineconeAccountSettings)
    return known.private_api_key if conn_id == PRIVATE else known.api_key


def resolve(
    conn_id: str, host: str, password: str, extra: Mapping[str, Any], settings: Settings
) -> PineconeConfig:
    """Return the configuration, or raise an error that names the missing setting."""
    variable = "PINECONE_PRIVATE_API_KEY" if conn_id == PRIVATE else "PINECONE_API_KEY"
    key = password or key_in_environment(conn_id, settings)
    if not key.strip():
        raise ConfigurationError(
            f"Connection {conn_id} has no API key; write it into the Connection's password, or set {variable}"
        )

    known = settings.of(PineconeAccountSettings)

    def field_or(name: str, fallback: str) -> str:
        return str(extra.get(name) or "").strip() or fallback

    index_name = field_or("index_name", known.index_name)
    if not index_name:
        raise ConfigurationError(
            f"Connection {conn_id} names no index; set index_name in its extra, or PINECONE_INDEX_NAME"
        )
    return PineconeConfig(
        api_key=key.strip(),
        api_url=_address(host),
        index_name=index_name,
        cloud=field_or("cloud", known.cloud),
        region=field_or("region", known.region),
        dense_model=field_or("dense_model", known.dense_model),
        sparse_model=field_or("sparse_model", known.sparse_model),
    )


def _address(host: str) -> str:
    host = host.strip().rstrip("/")
    return host if not host or "://" in host else f"https://{host}"
