"""HyperKitty, the archive of Mailman 3, as its released package 1.3.12 answers."""
