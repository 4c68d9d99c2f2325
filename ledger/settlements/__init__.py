"""Settlements: at most one a campaign and period, with its shares, payouts and approvals."""
