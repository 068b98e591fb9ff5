"""What every operator of ours is made of: due or skipped, form, registry, record of the run, safe to kill."""
