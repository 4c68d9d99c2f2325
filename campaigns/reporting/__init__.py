"""Public figures, read at one snapshot."""
