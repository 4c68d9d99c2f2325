"""What a promise would cost: a simulation over past or expected likes."""
