"""T1: verify, parse, admit and record deliveries of likes."""
