"""Registers of campaigns, platforms, charities, sponsors and contents, and their cache."""
