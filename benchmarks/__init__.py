"""Speed and memory as ratios measured in one run, beside their targets: `make bench`."""
