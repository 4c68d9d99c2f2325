"""The independent verifier: `python -m ledger.log.verify`, without database or settings."""
