"""The stranger's verifier: `python -m ledger.log.verify`, without database or configuration."""
