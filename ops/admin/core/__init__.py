"""Commands: authorise, run, roll back, audit and retry safely."""
