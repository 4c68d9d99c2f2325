"""Invariants: SQL queries that must return no rows, and the tiles of the log."""
