"""Accounts, transfers and balances: the only code that moves money."""
