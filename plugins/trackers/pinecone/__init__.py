"""Keeps the vector index equal to what was collected, without stale or duplicate records."""
