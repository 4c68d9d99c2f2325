"""T1: verify, read, admit and record deliveries of likes."""
