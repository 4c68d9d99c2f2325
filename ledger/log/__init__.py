"""The public log: tree, notes, tiles, checkpoints. Imports nothing else of ours, so that anyone can take it out."""
