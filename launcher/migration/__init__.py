"""`make migration name=…`: writes the revision that brings the migrations to what the models say."""
