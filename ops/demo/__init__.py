"""The demonstration: a campaign, a simulated platform, and an independent count of the expected totals."""
