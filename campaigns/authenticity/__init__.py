"""Authenticity: rulesets as versioned files, observations, rules over windows, verdicts, quality."""
