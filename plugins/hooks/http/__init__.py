"""What `hooks.api` sends with: links, retries, and what answers and their headers mean."""
