"""T6: the outbox of leaves, the sequencer, the stored log and its witnesses."""
