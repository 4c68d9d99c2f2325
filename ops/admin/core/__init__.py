"""Commands: authorise, run, roll back, audit, repeat safely."""
