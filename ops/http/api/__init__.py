"""The JSON API, the log's files and the health probes: handlers and their endpoints."""
