"""The Boost mailing lists: every post of the HyperKitty archive, linked to its sender's profile."""
