"""Kinds of platforms: how each signs and writes its likes. Pure: no clock, no database, one file a kind."""
