"""The Add-Connection forms, one entry per system. The hooks live in `hooks`, below the plugins folder."""

from __future__ import annotations

from typing import Any


def _text(label: str, description: str) -> dict[str, Any]:
    """Return an optional text field of a form."""
    return {"label": label, "description": description, "schema": {"type": ["string", "null"]}}


CONNECTION_TYPES: list[dict[str, Any]] = [
    {
        "connection-type": "hyperkitty",
        "hook-class-name": "hooks.mailing_list_hook.MailingListHook",
        "hook-name": "HyperKitty (mailing list archive)",
        "ui-field-behaviour": {
            "hidden-fields": ["schema", "login", "password", "port", "extra"],
            "relabeling": {"host": "Archive address"},
            "placeholders": {"host": "https://lists.boost.org/archives"},
        },
    },
    {
        "connection-type": "boost_pinecone",
        "hook-class-name": "hooks.pinecone_hook.PineconeHook",
        "hook-name": "Pinecone (hybrid index)",
        "ui-field-behaviour": {
            "hidden-fields": ["schema", "login", "port"],
            "relabeling": {"host": "API address", "password": "API key"},
            "placeholders": {"host": "https://api.pinecone.io (leave empty for this one)"},
        },
        "conn-fields": {
            "index_name": _text(
                "Index name", "The dense index; the sparse one has the same name with -sparse"
            ),
            "region": _text("Region", "Where a missing index is created; us-east-1 if empty"),
            "cloud": _text("Cloud", "aws, gcp or azure; aws if empty"),
            "dense_model": _text("Dense model", "multilingual-e5-large if empty"),
            "sparse_model": _text("Sparse model", "pinecone-sparse-english-v0 if empty"),
        },
    },
]
