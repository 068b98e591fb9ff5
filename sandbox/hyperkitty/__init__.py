"""HyperKitty, the archiver of Mailman 3, with the behaviour of its released package 1.3.12."""
