"""The Discord servers of the community. Nothing is collected yet; other code uses these functions."""
