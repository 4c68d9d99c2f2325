"""Money and its public proof; knows nothing of likes."""
