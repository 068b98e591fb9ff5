"""Behind `make demo | up | down | status`: starts, monitors and stops a whole system."""
