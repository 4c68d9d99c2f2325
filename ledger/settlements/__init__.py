"""T3: one settlement for each campaign and period, its payouts and approvals."""
