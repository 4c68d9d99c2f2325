"""Judges the stored observations: passes over windows, the closing pass, cases, retention."""
