"""Registers: campaigns, platforms, charities, sponsors, contents, and the cache of them that intake reads."""
