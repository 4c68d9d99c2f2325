"""T5: match statement lines to payouts, then post."""
