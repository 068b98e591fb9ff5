"""The settings of the accounts, used for whatever a Pinecone Connection leaves out."""

from __future__ import annotations

from core.settings import Setting, SettingsGroup, as_text


class PineconeAccountSettings(SettingsGroup):
    """Keys, indexes and models, as the predecessor's environment named them."""

    prefix = "pinecone"
    section = "Vector index"

    api_key = Setting(
        as_text,
        "",
        "API key of the public account, if the Connection pinecone_public has none",
        env=("PINECONE_API_KEY",),
        variable=False,
        secret=True,
    )
    private_api_key = Setting(
        as_text,
        "",
        "API key of the private account, if the Connection pinecone_private has none",
        env=("PINECONE_PRIVATE_API_KEY",),
        variable=False,
        secret=True,
    )
    index_name = Setting(
        as_text,
        "",
        "Dense index, if the Connection names none; the sparse index has the same name with -sparse",
        env=("PINECONE_INDEX_NAME",),
    )
    region = Setting(
        as_text, "us-east-1", "Region in which a missing index is created", env=("PINECONE_ENVIRONMENT",)
    )
    cloud = Setting(as_text, "aws", "Cloud in which a missing index is created", env=("PINECONE_CLOUD",))
    dense_model = Setting(
        as_text, "multilingual-e5-large", "Model of the dense index", env=("PINECONE_DENSE_MODEL",)
    )
    sparse_model = Setting(
        as_text, "pinecone-sparse-english-v0", "Model of the sparse index", env=("PINECONE_SPARSE_MODEL",)
    )
