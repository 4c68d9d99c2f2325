"""T2: fold batches, compute what is due, post one pledge for each campaign."""
