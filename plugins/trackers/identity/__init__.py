"""People: one profile per account on each platform. Other trackers use `api` only."""
