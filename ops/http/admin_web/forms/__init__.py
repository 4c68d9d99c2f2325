"""HTML forms made from the models of commands."""
