"""Forms drawn from the models of commands."""
