"""Admin tokens and browser sessions."""
