"""What `make demo | up | down | status` run: starts, watches and ends a whole system."""
