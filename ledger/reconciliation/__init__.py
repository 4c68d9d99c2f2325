"""T5: match bank statements to payouts, and record paid and returned payouts."""
