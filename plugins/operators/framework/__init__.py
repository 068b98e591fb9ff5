"""What all operators share: skipping, trigger form, registry, records of runs, protection from kills."""
