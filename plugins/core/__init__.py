"""What every other package builds on: errors, settings, options, database verbs, schedule, rate budget."""
