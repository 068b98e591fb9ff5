"""Pinecone as its SDK meets it: control plane, data plane, integrated embedding."""
