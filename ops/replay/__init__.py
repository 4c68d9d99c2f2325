"""The sender's side: likes out of a file, as signed webhooks, to a running service."""
