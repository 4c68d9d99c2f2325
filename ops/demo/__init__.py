"""The demonstration: a campaign, a simulated platform, and a count made apart of what must come out."""
