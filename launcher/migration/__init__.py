"""`make migration name=…`: writes the revision that is missing between migrations and models."""
