"""Settlements: at most one for every campaign and period, with its shares, payouts and approvals."""
