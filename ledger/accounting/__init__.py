"""Transfers and balances: the only writer of money."""
