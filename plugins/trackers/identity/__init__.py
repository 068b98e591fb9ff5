"""People: one profile per account on each platform. Other trackers use only `api`."""
