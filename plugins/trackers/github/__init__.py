"""GitHub. Nothing is collected yet; other code uses these names and folders."""
