"""The repository's own rules as programs: writes, dependencies, documentation, stable names."""
