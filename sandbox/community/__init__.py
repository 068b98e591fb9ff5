"""The generated community: people, and what they wrote where. Deterministic, of any size."""
