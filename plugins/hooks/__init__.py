"""One file per external system: authenticate, page, respect limits, hand out raw payloads."""
