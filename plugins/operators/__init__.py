"""One thin operator per tracker: puts hook, store and window together. No parsing, no SQL."""
