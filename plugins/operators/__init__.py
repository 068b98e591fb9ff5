"""One thin operator per tracker, which connects hook, options and tracker. No parsing, no SQL."""
