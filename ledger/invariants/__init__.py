"""Checks of what must always hold: SQL queries that return no rows, and the tiles of the log."""
