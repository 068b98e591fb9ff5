"""Measures speed and memory, as ratios within one run, and compares them with targets: `make bench`."""
