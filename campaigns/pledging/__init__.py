"""T2: fold batches into day counts, compute the amount due, post the difference."""
