"""Preview: the cost of a promise, simulated over past or expected likes. Reads only."""
