"""The parts of `hooks.api`: links, retries, and the meaning of answers and their headers."""
