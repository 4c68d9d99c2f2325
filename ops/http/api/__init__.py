"""Handlers of the JSON API, the log's files and the health probes."""
