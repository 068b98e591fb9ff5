"""GitHub. Nothing is collected yet; names and folders that others use of it are here."""
