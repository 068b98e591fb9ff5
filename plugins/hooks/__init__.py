"""One file per external system: authenticate, page, respect limits, return raw payloads."""
