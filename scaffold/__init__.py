"""What `make new-tracker` writes."""
