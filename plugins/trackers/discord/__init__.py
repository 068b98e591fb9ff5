"""The Discord servers of the community. Nothing is collected yet; what others use of it is here."""
