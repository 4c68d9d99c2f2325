"""Handlers of the administration's pages."""
