"""One file for each resource of the administration: its commands and lists."""
