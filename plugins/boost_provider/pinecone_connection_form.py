"""The form of a Connection to a Pinecone account."""

from __future__ import annotations

from typing import Any

from boost_provider.fields import text

CONNECTION_TYPE: dict[str, Any] = {
    "connection-type": "boost_pinecone",
    "hook-class-name": "hooks.pinecone_hook.PineconeHook",
    "hook-name": "Pinecone (hybrid index)",
    "ui-field-behaviour": {
        "hidden-fields": ["schema", "login", "port"],
        "relabeling": {"host": "API address", "password": "API key"},
        "placeholders": {"host": "https://api.pinecone.io (leave empty for this one)"},
    },
    "conn-fields": {
        "index_name": text("Index name", "The dense index; the sparse one has the same name with -sparse"),
        "region": text("Region", "Where a missing index is created; us-east-1 if empty"),
        "cloud": text("Cloud", "aws, gcp or azure; aws if empty"),
        "dense_model": text("Dense model", "multilingual-e5-large if empty"),
        "sparse_model": text("Sparse model", "pinecone-sparse-english-v0 if empty"),
    },
}
CONNECTIONS = (
    ("pinecone_public", "API key as password; `index_name`, `region`, `cloud`, models"),
    ("pinecone_private", "The same for the private account"),
)
