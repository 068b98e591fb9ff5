"""Keeps the vector index in step with what was collected: exactly that, nothing stale, nothing twice."""
