"""The sender's side: send the likes of a file to a running service as signed webhooks."""
