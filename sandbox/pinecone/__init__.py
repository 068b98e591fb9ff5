"""Pinecone as its SDK uses it: control plane, data plane, integrated embedding."""
