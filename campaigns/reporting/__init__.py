"""Public figures, read from one snapshot of the database."""
