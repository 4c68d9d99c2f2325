"""T4: claim payouts, call the bank outside any transaction, record the result."""
