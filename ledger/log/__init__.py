"""The public log: pure tree, notes, tiles and checkpoints; imports nothing else of ours, so that anyone can take it out."""
