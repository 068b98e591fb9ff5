"""Behind `make new-tracker`: writes the code of a new source from templates."""
